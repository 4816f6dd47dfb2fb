package aggregator

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/utils/lru"
)

const (
	// rememberedCertificates bounds how many clients' certificates are known to have been verified.
	rememberedCertificates = 1000
	// certificateTrust is for how long a verified certificate is believed without verifying it again. Its own
	// expiry, and a change of the CAs, end that at once; the expiry of a CA, which nothing tells, at last then.
	certificateTrust = 10 * time.Second
	// rememberedConnections bounds how many connections spare even the digest. What is known of one is kept when it
	// has ended, until others take its place.
	rememberedConnections = 100
)

// certificates authenticates by client certificate. The handshake has shown that the client has the key; whose the
// certificate is, is the same for every request with it: to verify its chain anew for each costs more than the rest
// of a request. It is safe for concurrent use.
type certificates struct {
	ca     dynamiccertificates.CAContentProvider
	verify authenticator.Request
	now    func() time.Time
	known  *lru.Cache // *verifiedCertificate by the digest of the chain that the client sent
	// connections are the same by the connection that the chain was sent on, as its *tls.ConnectionState: the chain of
	// one does not change.
	connections *lru.Cache
}

type verifiedCertificate struct {
	response *authenticator.Response
	bundle   []byte // the CAs that it was verified by
	until    time.Time
}

func newCertificates(ca dynamiccertificates.CAContentProvider, now func() time.Time) *certificates {
	// Of the group system:authenticated, which every user is in, a remembered response has it already.
	verify := group.NewAuthenticatedGroupAdder(x509.NewDynamic(ca.VerifyOptions, x509.CommonNameUserConversion))
	return &certificates{ca: ca, verify: verify, now: now, known: lru.New(rememberedCertificates), connections: lru.New(rememberedConnections)}
}

// AuthenticateRequest implements authenticator.Request. Only what was verified is remembered.
func (c *certificates) AuthenticateRequest(req *http.Request) (*authenticator.Response, bool, error) {
	if req.TLS == nil || len(req.TLS.PeerCertificates) == 0 {
		return nil, false, nil
	}
	now, bundle := c.now(), c.ca.CurrentCABundleContent()
	if v := believed(c.connections, req.TLS, now, bundle); v != nil {
		return v.response, true, nil
	}
	digest := sha256.New()
	for _, cert := range req.TLS.PeerCertificates {
		_, _ = digest.Write(cert.Raw) // never fails
	}
	var key [sha256.Size]byte
	digest.Sum(key[:0])
	if v := believed(c.known, key, now, bundle); v != nil {
		c.connections.Add(req.TLS, v)
		return v.response, true, nil
	}
	response, ok, err := c.verify.AuthenticateRequest(req)
	if err != nil || !ok {
		return response, ok, err
	}
	until := now.Add(certificateTrust)
	for _, cert := range req.TLS.PeerCertificates {
		if cert.NotAfter.Before(until) {
			until = cert.NotAfter
		}
	}
	// The bundle from before the verification: CAs that changed meanwhile make the next request verify anew.
	v := &verifiedCertificate{response, bundle, until}
	c.known.Add(key, v)
	c.connections.Add(req.TLS, v)
	return response, true, nil
}

// believed is what is known under the key and still holds; nil if nothing does.
func believed(known *lru.Cache, key any, now time.Time, bundle []byte) *verifiedCertificate {
	if found, ok := known.Get(key); ok {
		if v := found.(*verifiedCertificate); now.Before(v.until) && bytes.Equal(v.bundle, bundle) {
			return v
		}
	}
	return nil
}

// frontProxies authenticates requests whose user a believed front proxy names in headers.
type frontProxies struct {
	verify   authenticator.Request
	username headerrequest.StringSliceProvider
}

// AuthenticateRequest implements authenticator.Request. A request without the header that names a user is not a
// front proxy's, whatever its certificate: nothing has to be verified to know that.
func (f frontProxies) AuthenticateRequest(req *http.Request) (*authenticator.Response, bool, error) {
	for _, name := range f.username.Value() {
		if req.Header.Get(name) != "" {
			return f.verify.AuthenticateRequest(req)
		}
	}
	return nil, false, nil
}
