package proxy

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/internal/pki"
)

// All kaggs' CAs have the same name, so that a certificate of another one looks right.
func TestHintKnowsAnotherKagg(t *testing.T) {
	t.Parallel()
	for issuer, told := range map[string]bool{pki.ClusterCAName: true, "serving-ca": false} {
		hint := Hint(x509.UnknownAuthorityError{Cert: &x509.Certificate{Issuer: pkix.Name{CommonName: issuer}}})
		if strings.Contains(hint, "--state-dir") != told || !strings.Contains(hint, "spec.caBundle") {
			t.Errorf("about a certificate of %s: %s", issuer, hint)
		}
	}
}
