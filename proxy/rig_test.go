package proxy

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

const (
	testServerName = "api.default.svc"
	testAPIService = "v1.example.com"
	testAuditID    = "0f8c1a5e-audit"
)

// authority is a CA of one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue returns a certificate and its key as PEM, for servers and clients alike.
func (a *authority) issue(t testing.TB, name string, notAfter time.Time) (certPEM, keyPEM []byte) {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// trust is the CAs and the front-proxy certificate of one test.
type trust struct {
	serving, frontProxy   *authority
	clientCert, clientKey []byte
}

func newTrust(t testing.TB) *trust {
	t.Helper()
	tr := &trust{serving: newAuthority(t, "serving-ca"), frontProxy: newAuthority(t, "front-proxy-ca")}
	tr.clientCert, tr.clientKey = tr.frontProxy.issue(t, "front-proxy-client", time.Now().Add(time.Hour))
	return tr
}

func (tr *trust) tls() TLS {
	return TLS{ServerName: testServerName, CABundle: tr.serving.pem, ClientCert: tr.clientCert, ClientKey: tr.clientKey}
}

// serverTLS is a backend's: it lets nobody in without a certificate of the front-proxy CA.
func (tr *trust) serverTLS(t testing.TB, name string, notAfter time.Time) *tls.Config {
	t.Helper()
	certPEM, keyPEM := tr.serving.issue(t, name, notAfter)
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AddCert(tr.frontProxy.cert)
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
}

// backend starts a custom apiserver, and returns its host:port.
func (tr *trust) backend(t testing.TB, http2 bool, handler http.HandlerFunc) string {
	t.Helper()
	return serve(t, tr.serverTLS(t, testServerName, time.Now().Add(time.Hour)), http2, handler)
}

func serve(t testing.TB, config *tls.Config, http2 bool, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.TLS, s.EnableHTTP2 = config, http2
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.Listener.Addr().String()
}

func (tr *trust) transport(t testing.TB) *Transport {
	t.Helper()
	return newTransport(t, tr.tls(), TransportOptions{})
}

func newTransport(t testing.TB, s TLS, o TransportOptions) *Transport {
	t.Helper()
	transport, err := NewTransport(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.Close)
	return transport
}

func (tr *trust) target(t testing.TB, hosts ...string) Target {
	t.Helper()
	return Target{
		APIService: testAPIService, Available: true,
		Resolution: Resolution{Hosts: hosts, Rule: RuleEndpointSlices}, Transport: tr.transport(t),
	}
}

// failures records what OnBackendFailure heard.
type failures struct {
	mu   sync.Mutex
	errs []error
	ch   chan error
}

func newFailures() *failures { return &failures{ch: make(chan error, 16)} }

func (f *failures) note(_ Target, err error) {
	f.mu.Lock()
	f.errs = append(f.errs, err)
	f.mu.Unlock()
	f.ch <- err
}

func (f *failures) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.errs)
}

var testUser = &user.DefaultInfo{
	Name: "jane", UID: "uid-1", Groups: []string{"devs", "system:authenticated"},
	Extra: map[string][]string{"authentication.kubernetes.io/credential-id": {"X509SHA256=ab"}},
}

// authenticated puts into the context what the front end's filters do.
func authenticated(next http.Handler, u user.Info) http.Handler {
	resolver := &genericapirequest.RequestInfoFactory{
		APIPrefixes: sets.NewString("apis", "api"), GrouplessAPIPrefixes: sets.NewString("api"),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx := req.Context()
		info, err := resolver.NewRequestInfo(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		ctx = genericapirequest.WithRequestInfo(ctx, info)
		ctx = audit.WithAuditContext(ctx)
		audit.WithAuditID(ctx, types.UID(testAuditID))
		if u != nil {
			ctx = genericapirequest.WithUser(ctx, u)
		}
		next.ServeHTTP(w, req.WithContext(ctx))
	})
}

// front starts a server that proxies every request to the target.
func front(t testing.TB, o Options, target Target) *httptest.Server {
	t.Helper()
	h := New(o)
	return frontOf(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, &target) }), testUser)
}

func frontOf(t testing.TB, h http.Handler, u user.Info) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(authenticated(h, u))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func request(t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	return requestIn(t.Context(), t, method, url, body)
}

func requestIn(ctx context.Context, t testing.TB, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// answer is an answer, read to its end.
type answer struct {
	code   int
	header http.Header
	body   string
}

func do(t testing.TB, c *http.Client, req *http.Request) answer {
	t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{code: resp.StatusCode, header: resp.Header, body: string(body)}
}

func get(t testing.TB, s *httptest.Server, path string) answer {
	t.Helper()
	return do(t, s.Client(), request(t, http.MethodGet, s.URL+path, nil))
}

// refusedAddress is an address where nobody listens. It is a connection's near end, so that nobody who wants any port
// to listen on is given it.
func refusedAddress(t testing.TB) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.LocalAddr().String()
}

// eachProtocol runs a test against backends of both protocols.
func eachProtocol(t *testing.T, test func(t *testing.T, http2 bool)) {
	t.Helper()
	for name, http2 := range map[string]bool{"h1": false, "h2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, http2)
		})
	}
}

func noRedirects(c *http.Client) *http.Client {
	clone := *c
	clone.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &clone
}

func contains(s string, parts ...string) string {
	for _, p := range parts {
		if !bytes.Contains([]byte(s), []byte(p)) {
			return p
		}
	}
	return ""
}
