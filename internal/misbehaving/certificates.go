package misbehaving

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"time"
)

// authority is a CA.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(commonName string) (*authority, error) {
	a := &authority{cert: &x509.Certificate{
		Subject:   pkix.Name{CommonName: commonName},
		NotBefore: time.Now().Add(-2 * 365 * 24 * time.Hour), NotAfter: time.Now().Add(2 * 365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	pair, err := a.issue(a.cert)
	if err != nil {
		return nil, err
	}
	a.pem = pair.certPEM
	a.cert, a.key = pair.cert.Leaf, pair.cert.PrivateKey.(*ecdsa.PrivateKey)
	return a, nil
}

// issued is a certificate with its key.
type issued struct {
	cert            tls.Certificate
	certPEM, keyPEM []byte
}

// issue signs the template for a new key; an authority without a key signs with that.
func (a *authority) issue(template *x509.Certificate) (issued, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return issued{}, err
	}
	signer := a.key
	if signer == nil {
		signer = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), signer)
	if err != nil {
		return issued{}, fmt.Errorf("sign the certificate of %q: %w", template.Subject.CommonName, err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return issued{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return issued{}, err
	}
	return issued{
		cert:    tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		certPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		keyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

// frontProxyClient is the template of the front proxy's certificate.
func frontProxyClient() *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: FrontProxyName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// serving is the template of the serving certificate.
func (f faults) serving() *x509.Certificate {
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: ServerName}, DNSNames: []string{ServerName},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if f[CertificateOtherName] {
		c.DNSNames = []string{"ships", "ships.example.com"}
	}
	if f[CertificateExpired] {
		c.NotAfter = time.Now().Add(-time.Hour)
	}
	if f[CertificateExpiring] {
		c.NotBefore, c.NotAfter = time.Now().Add(-355*24*time.Hour), time.Now().Add(10*24*time.Hour)
	}
	if f[CertificateNotYetValid] {
		c.NotBefore = time.Now().Add(time.Hour)
	}
	if f[CertificateNoServerAuth] {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return c
}
