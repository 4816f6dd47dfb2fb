package delegate

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// How CertificateSigningRequests are made, approved and signed. Upstream:
// pkg/registry/certificates/certificates/strategy.go and pkg/apis/certificates/validation/validation.go.

// prepareRequest keeps what is asked for as it was.
func prepareRequest(c, old *certificatesv1.CertificateSigningRequest) {
	if old != nil {
		c.Spec = old.Spec
	}
}

// stampRequest writes down who asks.
func stampRequest(ctx context.Context, obj runtime.Object) {
	c, ok := obj.(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return
	}
	c.Spec.Username, c.Spec.UID, c.Spec.Groups, c.Spec.Extra = "", "", nil, nil
	if u, ok := request.UserFrom(ctx); ok {
		c.Spec.Username, c.Spec.UID, c.Spec.Groups = u.GetName(), u.GetUID(), u.GetGroups()
		for k, v := range u.GetExtra() {
			if c.Spec.Extra == nil {
				c.Spec.Extra = map[string]certificatesv1.ExtraValue{}
			}
			c.Spec.Extra[k] = v
		}
	}
}

func validateRequest(c, _ *certificatesv1.CertificateSigningRequest) field.ErrorList {
	spec := field.NewPath("spec")
	var errs field.ErrorList
	if parsed, err := parseRequest(c.Spec.Request); err != nil {
		errs = append(errs, field.Invalid(spec.Child("request"), c.Spec.Request, err.Error()))
	} else if err := parsed.CheckSignature(); err != nil {
		errs = append(errs, field.Invalid(spec.Child("request"), c.Spec.Request, err.Error()))
	}
	if len(c.Spec.Usages) == 0 {
		errs = append(errs, field.Required(spec.Child("usages"), ""))
	}
	errs = append(errs, validateSigner(c.Spec.SignerName, spec.Child("signerName"))...)
	const shortest = 600
	if e := c.Spec.ExpirationSeconds; e != nil && *e < shortest {
		errs = append(errs, field.Invalid(spec.Child("expirationSeconds"), *e, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	return errs
}

func parseRequest(data []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	return x509.ParseCertificateRequest(block.Bytes)
}

// validateSigner wants a domain and a path: "example.com/signer".
func validateSigner(name string, at *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	domain, path, found := strings.Cut(name, "/")
	if !found || path == "" || strings.Contains(path, "/") {
		return field.ErrorList{field.Invalid(at, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	var errs field.ErrorList
	for _, msg := range validation.NameIsDNSSubdomain(domain, false) {
		errs = append(errs, field.Invalid(at, name, "validating label \""+domain+"\": "+msg))
	}
	if !strings.Contains(domain, ".") {
		errs = append(errs, field.Invalid(at, name, "should be a domain with at least two segments separated by dots"))
	}
	return errs
}

// prepareRequestStatus leaves the decision alone, which has a subresource of its own.
func prepareRequestStatus(c, old *certificatesv1.CertificateSigningRequest) { stampConditions(c, old) }

// prepareApproval takes over the conditions only.
func prepareApproval(c, old *certificatesv1.CertificateSigningRequest) {
	stampConditions(c, old)
	conditions := c.Status.Conditions
	c.Spec, c.Status = old.Spec, *old.Status.DeepCopy()
	c.Status.Conditions = conditions
}

func stampConditions(c, old *certificatesv1.CertificateSigningRequest) {
	now := metav1.Now()
	for i := range c.Status.Conditions {
		condition := &c.Status.Conditions[i]
		if condition.LastUpdateTime.IsZero() {
			condition.LastUpdateTime = now
		}
		if !condition.LastTransitionTime.IsZero() {
			continue
		}
		condition.LastTransitionTime = now
		for _, before := range old.Status.Conditions {
			if before.Type == condition.Type && before.Status == condition.Status && !before.LastTransitionTime.IsZero() {
				condition.LastTransitionTime = before.LastTransitionTime
			}
		}
	}
}

func decisions(c *certificatesv1.CertificateSigningRequest) []certificatesv1.RequestConditionType {
	var out []certificatesv1.RequestConditionType
	for _, condition := range c.Status.Conditions {
		if condition.Type == certificatesv1.CertificateApproved || condition.Type == certificatesv1.CertificateDenied {
			out = append(out, condition.Type)
		}
	}
	slices.Sort(out)
	return out
}

func validateConditions(c *certificatesv1.CertificateSigningRequest) field.ErrorList {
	at := field.NewPath("status", "conditions")
	var errs field.ErrorList
	seen := map[certificatesv1.RequestConditionType]bool{}
	for i, condition := range c.Status.Conditions {
		switch {
		case condition.Type == "":
			errs = append(errs, field.Required(at.Index(i).Child("type"), ""))
		case seen[condition.Type]:
			errs = append(errs, field.Duplicate(at.Index(i).Child("type"), condition.Type))
		case condition.Status == "":
			errs = append(errs, field.Required(at.Index(i).Child("status"), ""))
		case (condition.Type == certificatesv1.CertificateApproved || condition.Type == certificatesv1.CertificateDenied || condition.Type == certificatesv1.CertificateFailed) &&
			condition.Status != corev1.ConditionTrue:
			errs = append(errs, field.NotSupported(at.Index(i).Child("status"), condition.Status, []corev1.ConditionStatus{corev1.ConditionTrue}))
		}
		seen[condition.Type] = true
	}
	if seen[certificatesv1.CertificateApproved] && seen[certificatesv1.CertificateDenied] {
		errs = append(errs, field.Invalid(at, certificatesv1.CertificateApproved, "Approved and Denied conditions are mutually exclusive"))
	}
	return errs
}

func validateApproval(c, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := validateConditions(c)
	now := decisions(c)
	for _, was := range decisions(old) {
		if !slices.Contains(now, was) {
			errs = append(errs, field.Forbidden(field.NewPath("status", "conditions"), "updates may not remove a condition of type \""+string(was)+"\""))
		}
	}
	return errs
}

func validateRequestStatus(c, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := validateConditions(c)
	if !slices.Equal(decisions(c), decisions(old)) {
		errs = append(errs, field.Forbidden(field.NewPath("status", "conditions"),
			"updates may not add or remove a condition of type \"Approved\" or \"Denied\": these are written through approval"))
	}
	if len(old.Status.Certificate) > 0 {
		errs = append(errs, unchanged(field.NewPath("status", "certificate"), c.Status.Certificate, old.Status.Certificate)...)
	}
	if len(c.Status.Certificate) > 0 {
		if block, _ := pem.Decode(c.Status.Certificate); block == nil || block.Type != "CERTIFICATE" {
			errs = append(errs, field.Invalid(field.NewPath("status", "certificate"), "<certificate data>", "only CERTIFICATE PEM blocks are allowed"))
		}
	}
	return errs
}

// trustBundleName is a subdomain, after the signer's name with colons for slashes if there is one.
func trustBundleName(name string, prefix bool) []string {
	if i := strings.LastIndex(name, ":"); i >= 0 {
		name = name[i+1:]
	}
	return validation.NameIsDNSSubdomain(name, prefix)
}

func validateTrustBundle(b, old *certificatesv1.ClusterTrustBundle) field.ErrorList {
	spec := field.NewPath("spec")
	var errs field.ErrorList
	if b.Spec.SignerName != "" {
		errs = append(errs, validateSigner(b.Spec.SignerName, spec.Child("signerName"))...)
		if want := strings.ReplaceAll(b.Spec.SignerName, "/", ":") + ":"; !strings.HasPrefix(b.Name, want) {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), b.Name,
				"ClusterTrustBundle for signerName "+b.Spec.SignerName+" must be named with prefix "+want))
		}
	} else if strings.Contains(b.Name, ":") {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), b.Name, "ClusterTrustBundle without signer name must not have \":\" in its name"))
	}
	if block, _ := pem.Decode([]byte(b.Spec.TrustBundle)); block == nil || block.Type != "CERTIFICATE" {
		errs = append(errs, field.Invalid(spec.Child("trustBundle"), "<value omitted>", "at least one trust anchor must be provided"))
	}
	if old != nil {
		errs = append(errs, unchanged(spec.Child("signerName"), b.Spec.SignerName, old.Spec.SignerName)...)
	}
	return errs
}
