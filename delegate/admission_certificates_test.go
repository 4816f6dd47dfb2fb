package delegate_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/client-go/kubernetes"

	"github.com/kagg-project/kagg/delegate"
)

// signerRights lets everyone do everything, but with signers only what it has, as "approve example.com/*".
type signerRights struct {
	authorizer.UnconditionalAuthorizer
	granted string
}

func (r signerRights) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if a.GetResource() == "signers" && (a.GetAPIGroup() != "certificates.k8s.io" || a.GetVerb()+" "+a.GetName() != r.granted) {
		return authorizer.DecisionNoOpinion, "", nil
	}
	return r.UnconditionalAuthorizer.Authorize(ctx, a)
}

// signing has a client of somebody whose rights on signers are granted.
func signing(t *testing.T, granted string) kubernetes.Interface {
	t.Helper()
	s := newServer(t, func(c *delegate.Config) {
		c.Authorizer = signerRights{authorizerfactory.NewAlwaysAllowAuthorizer(), granted}
	})
	return kubernetes.NewForConfigOrDie(delegate.InProcess(s.Handler(), &user.DefaultInfo{Name: "ann"}))
}

func requestOf(t *testing.T, organization, signer string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "ann", Organization: []string{organization}}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &certificatesv1.CertificateSigningRequest{ObjectMeta: object("r"), Spec: certificatesv1.CertificateSigningRequestSpec{
		Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), SignerName: signer, Usages: []certificatesv1.KeyUsage{"client auth"},
	}}
}

func wantRefusal(t *testing.T, what string, err error, text string) {
	t.Helper()
	if text == "" && err != nil || text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
		t.Errorf("%s: %v; wanted %q", what, err, text)
	}
}

func TestSigners(t *testing.T) {
	t.Parallel()
	for granted, want := range map[string]struct{ approve, sign string }{
		"approve example.com/s": {"", `user not permitted to sign requests with signerName "example.com/s"`},
		"sign example.com/*":    {`user not permitted to approve requests with signerName "example.com/s"`, ""},
		"approve example.org/*": {"is forbidden", "is forbidden"},
	} {
		t.Run(granted, func(t *testing.T) {
			t.Parallel()
			c := signing(t, granted).CertificatesV1().CertificateSigningRequests()
			r, err := c.Create(t.Context(), requestOf(t, "system:masters", "example.com/s"), metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			approved := r.DeepCopy()
			approved.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue}}
			_, err = c.UpdateApproval(t.Context(), "r", approved, metav1.UpdateOptions{})
			wantRefusal(t, "approving", err, want.approve)
			if r, err = c.Get(t.Context(), "r", metav1.GetOptions{}); err != nil {
				t.Fatal(err)
			}
			_, err = c.UpdateStatus(t.Context(), r, metav1.UpdateOptions{})
			wantRefusal(t, "writing the status as it is", err, "")
			r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{Type: certificatesv1.CertificateFailed, Status: corev1.ConditionTrue})
			_, err = c.UpdateStatus(t.Context(), r, metav1.UpdateOptions{})
			wantRefusal(t, "signing", err, want.sign)
		})
	}
}

func TestNobodyRequestsMasters(t *testing.T) {
	t.Parallel()
	c := signing(t, "").CertificatesV1().CertificateSigningRequests()
	_, err := c.Create(t.Context(), requestOf(t, "system:masters", certificatesv1.KubeAPIServerClientSignerName), metav1.CreateOptions{})
	wantRefusal(t, "for the masters", err, "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed")
	_, err = c.Create(t.Context(), requestOf(t, "gardeners", certificatesv1.KubeAPIServerClientSignerName), metav1.CreateOptions{})
	wantRefusal(t, "for others", err, "")
}

func TestTrustBundlesAreAttested(t *testing.T) {
	t.Parallel()
	for granted, want := range map[string]string{
		"attest example.com/s": "",
		"sign example.com/s":   `user not permitted to attest for signerName "example.com/s"`,
	} {
		c := signing(t, granted).CertificatesV1().ClusterTrustBundles()
		b := &certificatesv1.ClusterTrustBundle{
			ObjectMeta: object("example.com:s:one"), Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: "example.com/s", TrustBundle: "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"},
		}
		_, err := c.Create(t.Context(), b, metav1.CreateOptions{})
		wantRefusal(t, granted, err, want)
		b.Name, b.Spec.SignerName = "one", ""
		_, err = c.Create(t.Context(), b, metav1.CreateOptions{})
		wantRefusal(t, "of no signer", err, "")
	}
}
