package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"slices"
	"time"
)

// authority is a CA ready to sign.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// leaf is what a certificate below a CA is to be.
type leaf struct {
	subject pkix.Name
	usages  []x509.ExtKeyUsage
	hosts   hosts
}

// ensureCA loads the CA in p, or makes one when there is none or it is about to expire. A CA whose two
// files do not belong together is an error: one of them is somebody's own, and not ours to replace.
func ensureCA(p Pair, commonName string, now time.Time) (a *authority, written bool, err error) {
	cert, key, err := loadPair(p)
	if err != nil {
		return nil, false, err
	}
	if cert != nil && key != nil {
		if !samePublicKey(cert, key) {
			return nil, false, fmt.Errorf("certificate authority %q does not belong to the key %q: delete both files to have them made anew",
				p.CertFile, p.KeyFile)
		}
		if !cert.IsCA {
			return nil, false, fmt.Errorf("%q is no certificate authority (its basic constraints say CA:FALSE): delete it and %q to have them made anew",
				p.CertFile, p.KeyFile)
		}
		if !expires(cert, now) {
			return &authority{cert: cert, key: key}, false, nil
		}
	}
	a, err = makeCA(p, commonName, now)
	return a, err == nil, err
}

// ensureLeaf makes the certificate in p anew unless it is what l asks for, signed by a and valid for
// long enough; it says whether it did.
func ensureLeaf(p Pair, l leaf, a *authority, now time.Time) (written bool, err error) {
	cert, key, err := loadPair(p)
	if err != nil {
		return false, err
	}
	if cert != nil && key != nil && l.fits(cert, a) && samePublicKey(cert, key) && !expires(cert, now) {
		return false, nil
	}
	if err := makeLeaf(p, l, a, now); err != nil {
		return false, err
	}
	return true, nil
}

// fits reports whether cert is what l asks for and signed by a. More hosts than asked for do no harm.
func (l leaf) fits(cert *x509.Certificate, a *authority) bool {
	return cert.CheckSignatureFrom(a.cert) == nil &&
		cert.Subject.String() == l.subject.String() &&
		slices.Equal(cert.ExtKeyUsage, l.usages) &&
		l.hosts.coveredBy(cert)
}

// expires reports whether a certificate is due to be made anew, or not valid yet.
func expires(cert *x509.Certificate, now time.Time) bool {
	left := cert.NotAfter.Sub(now)
	life := cert.NotAfter.Sub(cert.NotBefore)
	return left < life/3 || left < renewBefore || now.Before(cert.NotBefore)
}

func samePublicKey(cert *x509.Certificate, key crypto.Signer) bool {
	pub, ok := cert.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	return ok && pub.Equal(key.Public())
}

func makeCA(p Pair, commonName string, now time.Time) (*authority, error) {
	key, id, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("make the key of %q: %w", p.CertFile, err)
	}
	cert := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		SubjectKeyId:          id,
		AuthorityKeyId:        id,
	}
	signed, err := signAndWrite(p, cert, &authority{cert: cert, key: key}, key)
	if err != nil {
		return nil, err
	}
	return &authority{cert: signed, key: key}, nil
}

func makeLeaf(p Pair, l leaf, a *authority, now time.Time) error {
	key, id, err := newKey()
	if err != nil {
		return fmt.Errorf("make the key of %q: %w", p.CertFile, err)
	}
	cert := &x509.Certificate{
		Subject:               l.subject,
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(leafLife),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           l.usages,
		BasicConstraintsValid: true,
		DNSNames:              l.hosts.names,
		IPAddresses:           l.hosts.ips,
		SubjectKeyId:          id,
	}
	_, err = signAndWrite(p, cert, a, key)
	return err
}

// signAndWrite has a sign the template for key and writes both files, the key first: a reader that is
// told of the new certificate finds its key in place. The serial number is left to x509, which draws a
// random one.
func signAndWrite(p Pair, template *x509.Certificate, a *authority, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate %q: %w", p.CertFile, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("parse the new certificate %q: %w", p.CertFile, err)
	}
	if err := writeKey(p.KeyFile, key); err != nil {
		return nil, err
	}
	if err := writeFile(p.CertFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), certMode); err != nil {
		return nil, err
	}
	return cert, nil
}

// ensureKey makes the key in file when there is none; it says whether it did.
func ensureKey(file string) (made bool, err error) {
	if found, err := loadKey(file); found != nil || err != nil {
		return false, err
	}
	key, _, err := newKey()
	if err != nil {
		return false, fmt.Errorf("make key %q: %w", file, err)
	}
	if err := writeKey(file, key); err != nil {
		return false, err
	}
	return true, nil
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key %q: %w", file, err)
	}
	return writeFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), keyMode)
}

// newKey makes an ECDSA P-256 key and its key identifier: the first 160 bits of the SHA-256 of the
// public key, RFC 7093 section 2 method 1. x509 would set one for a CA alone.
func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(info.PublicKey.Bytes)
	return key, sum[:20], nil
}
