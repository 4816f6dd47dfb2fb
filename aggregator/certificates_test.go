package aggregator

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// changingCA is a CA file that changes.
type changingCA struct {
	dynamiccertificates.CAContentProvider
	bundle []byte
}

func (c *changingCA) CurrentCABundleContent() []byte { return c.bundle }

// countedVerification believes certificates named good, and counts.
type countedVerification struct{ verified int }

func (c *countedVerification) AuthenticateRequest(req *http.Request) (*authenticator.Response, bool, error) {
	c.verified++
	name := req.TLS.PeerCertificates[0].Subject.CommonName
	if name != "good" {
		return nil, false, errors.New("signed by nobody")
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: name}}, true, nil
}

func certRequest(t *testing.T, certs ...*x509.Certificate) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	req.TLS = &tls.ConnectionState{PeerCertificates: certs}
	return req
}

func fakeCert(name string, notAfter time.Time) *x509.Certificate {
	c := &x509.Certificate{Raw: []byte(name), NotAfter: notAfter}
	c.Subject.CommonName = name
	return c
}

// A certificate is verified once, and again when it or the CAs may not be good any more.
func TestCertificatesAreVerifiedOnce(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	now, year := start, start.Add(365*24*time.Hour)
	ca, counted := &changingCA{bundle: []byte("one")}, &countedVerification{}
	c := newCertificates(ca, func() time.Time { return now })
	c.verify = counted
	good, bad, other := fakeCert("good", year), fakeCert("bad", year), fakeCert("intermediate", year)
	short := fakeCert("good", start.Add(13*time.Second))
	short.Raw = []byte("short")
	for _, step := range []struct {
		what     string
		at       time.Duration
		bundle   string
		certs    []*x509.Certificate
		verified int // in all
		ok       bool
	}{
		{"none", 0, "one", nil, 0, false},
		{"the first request", 0, "one", []*x509.Certificate{good}, 1, true},
		{"the next", 9 * time.Second, "one", []*x509.Certificate{good}, 1, true},
		{"another chain", 9 * time.Second, "one", []*x509.Certificate{good, other}, 2, true},
		{"a bad one", 9 * time.Second, "one", []*x509.Certificate{bad}, 3, false},
		{"the bad one again", 9 * time.Second, "one", []*x509.Certificate{bad}, 4, false},
		{"later", 10 * time.Second, "one", []*x509.Certificate{good}, 5, true},
		{"other CAs", 10 * time.Second, "two", []*x509.Certificate{good}, 6, true},
		{"the same CAs", 11 * time.Second, "two", []*x509.Certificate{good}, 6, true},
		{"one that ends soon", 11 * time.Second, "two", []*x509.Certificate{short}, 7, true},
		{"before its end", 12 * time.Second, "two", []*x509.Certificate{short}, 7, true},
		{"at its end", 13 * time.Second, "two", []*x509.Certificate{short}, 8, true},
	} {
		now, ca.bundle = start.Add(step.at), []byte(step.bundle)
		response, ok, _ := c.AuthenticateRequest(certRequest(t, step.certs...))
		if ok != step.ok || counted.verified != step.verified || ok && response.User.GetName() != "good" {
			t.Errorf("%s: ok %t after %d verifications, want %t after %d", step.what, ok, counted.verified, step.ok, step.verified)
		}
	}
}

// What is known of a connection holds no longer than what is known of its certificates.
func TestConnectionsAreBelievedAsTheirCertificates(t *testing.T) {
	t.Parallel()
	start := time.Unix(1000, 0)
	now := start
	ca, counted := &changingCA{bundle: []byte("one")}, &countedVerification{}
	c := newCertificates(ca, func() time.Time { return now })
	c.verify = counted
	one, other := certRequest(t, fakeCert("good", start.Add(time.Hour))), certRequest(t, fakeCert("good", start.Add(time.Hour)))
	bad := certRequest(t, fakeCert("bad", start.Add(time.Hour)))
	for i, step := range []struct {
		req      *http.Request
		at       time.Duration
		bundle   string
		verified int
		ok       bool
	}{
		{one, 0, "one", 1, true}, {one, 0, "one", 1, true}, {other, 0, "one", 1, true}, {bad, 0, "one", 2, false}, {bad, 0, "one", 3, false},
		{one, 9 * time.Second, "one", 3, true}, {other, 10 * time.Second, "one", 4, true}, {one, 10 * time.Second, "one", 4, true},
		{one, 10 * time.Second, "two", 5, true}, {other, 10 * time.Second, "two", 5, true},
	} {
		now, ca.bundle = start.Add(step.at), []byte(step.bundle)
		if _, ok, _ := c.AuthenticateRequest(step.req); ok != step.ok || counted.verified != step.verified {
			t.Errorf("step %d: ok %t after %d verifications, want %t after %d", i, ok, counted.verified, step.ok, step.verified)
		}
	}
	for range 2 * rememberedConnections {
		if _, ok, _ := c.AuthenticateRequest(certRequest(t, fakeCert("good", start.Add(time.Hour)))); !ok {
			t.Fatal("not believed")
		}
	}
	if n := c.connections.Len(); n > rememberedConnections || counted.verified != 5 {
		t.Errorf("%d connections are remembered, and %d certificates were verified", n, counted.verified)
	}
}

func TestFrontProxiesNameAUser(t *testing.T) {
	t.Parallel()
	counted := &countedVerification{}
	f := frontProxies{counted, headerrequest.StaticStringSlice{"X-Remote-User", "X-User"}}
	req := certRequest(t, fakeCert("good", time.Now()))
	if _, ok, err := f.AuthenticateRequest(req); ok || err != nil || counted.verified != 0 {
		t.Errorf("without a header: %t %v after %d verifications", ok, err, counted.verified)
	}
	req.Header.Set("X-User", "alice")
	if _, ok, err := f.AuthenticateRequest(req); !ok || err != nil || counted.verified != 1 {
		t.Errorf("with a header: %t %v after %d verifications", ok, err, counted.verified)
	}
}
