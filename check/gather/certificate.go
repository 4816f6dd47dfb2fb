package gather

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kagg-project/kagg/check"
)

// parseCertificates returns the certificates in PEM, leaving out what is none.
func parseCertificates(data []byte) []*x509.Certificate {
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return out
		}
		if c, err := x509.ParseCertificate(block.Bytes); block.Type == "CERTIFICATE" && err == nil {
			out = append(out, c)
		}
	}
}

// frontProxy is the aggregator's client certificate; nil where that is not known.
type frontProxy struct{ chain []*x509.Certificate }

func readFrontProxy(data []byte) (*frontProxy, error) {
	if len(data) == 0 {
		return nil, nil //nolint:nilnil // it is not known
	}
	chain := parseCertificates(data)
	if len(chain) == 0 {
		return nil, errors.New("front-proxy client certificate: no certificate in PEM form")
	}
	return &frontProxy{chain}, nil
}

func (p *frontProxy) facts() *check.FrontProxy {
	if p == nil {
		return nil
	}
	f := &check.FrontProxy{CommonName: p.chain[0].Subject.CommonName}
	for _, c := range p.chain {
		f.Issuers = append(f.Issuers, c.Issuer.String())
	}
	return f
}

// below tells whether one of the CAs, as DER names, signed the certificate or one above it; none of them means any.
func (p *frontProxy) below(cas [][]byte) bool {
	return len(cas) == 0 || p != nil && slices.ContainsFunc(p.chain, func(c *x509.Certificate) bool {
		return slices.ContainsFunc(cas, func(ca []byte) bool { return string(ca) == string(c.RawIssuer) })
	})
}

// trust is what a certificate is verified by.
func (t *Target) trust() check.Trust {
	out := check.Trust{ServerName: t.ServerName, Insecure: t.Insecure, CABundle: len(t.CABundle) > 0}
	source := t.CABundle
	if !out.CABundle {
		source = t.ExtraRoots
	}
	for _, c := range parseCertificates(source) {
		out.CAs = append(out.CAs, c.Subject.String())
	}
	return out
}

func (t *Target) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	if len(t.CABundle) > 0 {
		pool.AppendCertsFromPEM(t.CABundle)
		return pool
	}
	if system, err := x509.SystemCertPool(); err == nil {
		pool = system
	}
	pool.AppendCertsFromPEM(t.ExtraRoots)
	return pool
}

// certificate is what is to be known of a serving certificate.
func (t *Target) certificate(chain []*x509.Certificate, now time.Time) *check.Certificate {
	leaf := chain[0]
	c := &check.Certificate{
		Subject: leaf.Subject.String(), Issuer: leaf.Issuer.String(), Names: slices.Clone(leaf.DNSNames),
		NotBefore: leaf.NotBefore.UTC(), NotAfter: leaf.NotAfter.UTC(),
		Named: leaf.VerifyHostname(t.ServerName) == nil, ServerAuth: serves(leaf), Usages: usages(leaf),
	}
	for _, ip := range leaf.IPAddresses {
		c.Names = append(c.Names, ip.String())
	}
	if err := vouched(chain, t.roots(), now); err != nil {
		c.Untrusted = err.Error()
		own := x509.NewCertPool()
		c.KaggCA = len(t.CABundle) > 0 && own.AppendCertsFromPEM(t.ExtraRoots) && vouched(chain, own, now) == nil
	}
	return c
}

// vouched tells why none of the roots vouches for the certificate. Its own dates are left aside: at a time when it is not
// valid, the CA is looked at when it was.
func vouched(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) error {
	leaf := chain[0]
	options := x509.VerifyOptions{
		Roots: roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: now,
	}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	switch {
	case now.After(leaf.NotAfter):
		options.CurrentTime = leaf.NotAfter
	case now.Before(leaf.NotBefore):
		options.CurrentTime = leaf.NotBefore
	}
	_, err := leaf.Verify(options)
	return err
}

// serves tells whether the extended key usages allow a server: none means all.
func serves(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func usages(c *x509.Certificate) []string {
	names := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageAny: "any", x509.ExtKeyUsageServerAuth: "serverAuth", x509.ExtKeyUsageClientAuth: "clientAuth",
		x509.ExtKeyUsageCodeSigning: "codeSigning", x509.ExtKeyUsageEmailProtection: "emailProtection",
	}
	out := make([]string, 0, len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage))
	for _, u := range c.ExtKeyUsage {
		name, known := names[u]
		if !known {
			name = fmt.Sprintf("usage %d", u)
		}
		out = append(out, name)
	}
	for _, oid := range c.UnknownExtKeyUsage {
		out = append(out, oid.String())
	}
	return out
}

// verified tells whether a client that follows the target's trust accepts the certificate.
func verified(trust check.Trust, c *check.Certificate, now time.Time) bool {
	return trust.Insecure || c.Named && c.ServerAuth && c.Untrusted == "" && !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// oneLine keeps the first line, and at most 300 bytes of it.
func oneLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	if len(line) > 300 {
		line = strings.ToValidUTF8(line[:300], "") + "…"
	}
	return line
}
