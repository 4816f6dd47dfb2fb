package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/kagg-project/kagg/internal/pki"
)

// Hint says what usually mends a failure to reach a backend, as a sentence without its full stop; "" if
// nothing is known about it. Safe for concurrent use.
func Hint(err error) string { return strings.TrimPrefix(hint(err), "; ") }

// hint says what usually mends a failure to reach a backend, as the end of a sentence; "" if nothing
// is known about it. People lose hours on these (names, CAs, client certificates).
func hint(err error) string {
	var (
		name      x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		op        *net.OpError
	)
	switch {
	case errors.As(err, &name):
		return fmt.Sprintf("; the name wanted is %q, the certificate's names are %s: issue a certificate with that name, or set spec.insecureSkipTLSVerify",
			name.Host, names(name.Certificate))
	case errors.As(err, &authority):
		by, kagg := issuer(err, authority), ""
		if strings.Contains(by, pki.ClusterCAName) {
			kagg = "if another kagg's CA, issue one with kagg cert --state-dir=FOLDER, the folder of this kagg; else "
		}
		return fmt.Sprintf("; the certificate was issued by %s: %sput that CA's certificate into spec.caBundle, or set spec.insecureSkipTLSVerify", by, kagg)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "; issue a new serving certificate to the backend"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "; the backend does not speak TLS on this port: name its secure port"
	case errors.As(err, &op) && op.Op == "remote error":
		return "; the backend refused the front-proxy client certificate: " + trustFrontProxy
	case hungUp(err):
		return "; the backend hung up: if it does so every time, it refuses the front-proxy client certificate: " + trustFrontProxy
	case errors.As(err, &op) && op.Op == "dial":
		return "; is it running?"
	case errors.Is(err, context.DeadlineExceeded):
		return "; it took longer than this request may"
	}
	return ""
}

const trustFrontProxy = "it has to trust the front-proxy CA (--requestheader-client-ca-file)"

// hungUp recognises a connection closed by the other end. Under TLS 1.3 a server refuses a client
// certificate after the client's handshake is done: whether its alert is read, or a write fails first,
// is chance.
func hungUp(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "client conn could not be established")
}

func names(c *x509.Certificate) string {
	if c == nil {
		return "unknown"
	}
	all := make([]string, 0, len(c.DNSNames)+len(c.IPAddresses))
	all = append(all, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return fmt.Sprintf("none (its subject %q does not count)", c.Subject)
	}
	return strings.Join(all, ", ")
}

func issuer(err error, authority x509.UnknownAuthorityError) string {
	cert := authority.Cert
	var verification *tls.CertificateVerificationError
	if cert == nil && errors.As(err, &verification) && len(verification.UnverifiedCertificates) > 0 {
		cert = verification.UnverifiedCertificates[0]
	}
	if cert == nil {
		return "an unknown CA"
	}
	return fmt.Sprintf("%q", cert.Issuer)
}
