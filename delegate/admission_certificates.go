package delegate

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// signers asks for the rights on a signer that certificates and trust bundles need beside those on their own
// kinds: to approve requests to it, to sign them, and to attest its bundles. Nobody gets a certificate of the
// clients' signer for system:masters. Upstream: plugin/pkg/admission/certificates/{approval, signing, ctbattest,
// subjectrestriction} and pkg/controller/certificates/authorization.
type signers struct {
	authorizer authorizer.UnconditionalAuthorizer
}

var _ admission.ValidationInterface = signers{}

// Handles implements admission.Interface.
func (signers) Handles(op admission.Operation) bool {
	return op == admission.Create || op == admission.Update
}

// Validate implements admission.ValidationInterface.
func (s signers) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	switch o := a.GetObject().(type) {
	case *certificatesv1.CertificateSigningRequest:
		return s.request(ctx, a, o)
	case *certificatesv1.ClusterTrustBundle:
		signer := o.Spec.SignerName
		if signer == "" || a.GetOperation() == admission.Update && onlyReleases(o, a.GetOldObject()) {
			return nil
		}
		if !s.may(ctx, a.GetUserInfo(), "attest", signer) {
			return admission.NewForbidden(a, fmt.Errorf("user not permitted to attest for signerName %q", signer))
		}
	}
	return nil
}

func (s signers) request(ctx context.Context, a admission.Attributes, csr *certificatesv1.CertificateSigningRequest) error {
	if a.GetOperation() == admission.Create {
		return restrictSubject(a, csr)
	}
	old, ok := a.GetOldObject().(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return admission.NewForbidden(a, fmt.Errorf("expected type CertificateSigningRequest, got: %T", a.GetOldObject()))
	}
	// The old one's signer counts: who writes might name another.
	signer := old.Spec.SignerName
	switch a.GetSubresource() {
	case "approval":
		if !s.may(ctx, a.GetUserInfo(), "approve", signer) {
			return admission.NewForbidden(a, fmt.Errorf("user not permitted to approve requests with signerName %q", signer))
		}
	case "status":
		same := bytes.Equal(old.Status.Certificate, csr.Status.Certificate) && equality.Semantic.DeepEqual(old.Status.Conditions, csr.Status.Conditions)
		if !same && !s.may(ctx, a.GetUserInfo(), "sign", signer) {
			return admission.NewForbidden(a, fmt.Errorf("user not permitted to sign requests with signerName %q", signer))
		}
	}
	return nil
}

func restrictSubject(a admission.Attributes, csr *certificatesv1.CertificateSigningRequest) error {
	if csr.Spec.SignerName != certificatesv1.KubeAPIServerClientSignerName {
		return nil
	}
	parsed, err := parseRequest(csr.Spec.Request)
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("failed to parse CSR: %w", err))
	}
	if slices.Contains(parsed.Subject.Organization, user.SystemPrivilegedGroup) {
		return admission.NewForbidden(a, fmt.Errorf("use of %s signer with %s group is not allowed",
			certificatesv1.KubeAPIServerClientSignerName, user.SystemPrivilegedGroup))
	}
	return nil
}

// may tells whether the user has a verb on a signer, or on all of its domain.
func (s signers) may(ctx context.Context, u user.Info, verb, signer string) bool {
	domain, _, _ := strings.Cut(signer, "/")
	for _, name := range []string{signer, domain + "/*"} {
		decision, _, _ := s.authorizer.Authorize(ctx, authorizer.AttributesRecord{
			User: u, Verb: verb, Name: name, APIGroup: certificatesv1.GroupName, APIVersion: "*", Resource: "signers", ResourceRequest: true,
		})
		if decision == authorizer.DecisionAllow {
			return true
		}
	}
	return false
}
