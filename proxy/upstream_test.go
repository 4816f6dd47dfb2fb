package proxy

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	proxyutil "k8s.io/apimachinery/pkg/util/proxy"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	proxyrequest "k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/client-go/transport"
	"k8s.io/streaming/pkg/httpstream"
)

// plainResponder answers as the kube-aggregator's responder does.
type plainResponder struct{}

func (plainResponder) Error(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}

// upstreamProxy puts the kube-aggregator's parts together as its handler_proxy.go does, behind the one
// filter that takes part in what a backend sees: authentication removes Authorization.
func upstreamProxy(t testing.TB, tr *trust, host string) http.Handler {
	t.Helper()
	rt, err := transport.New(&transport.Config{TLS: transport.TLSConfig{
		ServerName: testServerName, CAData: tr.serving.pem, CertData: tr.clientCert, KeyData: tr.clientKey,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Header.Del("Authorization")
		u, ok := genericapirequest.UserFrom(req.Context())
		if !ok {
			t.Error("no user")
			return
		}
		location := &url.URL{Scheme: "https", Host: host, Path: req.URL.Path, RawQuery: req.URL.Query().Encode()}
		outgoing, cancel := proxyrequest.NewRequestForProxy(location, req)
		defer cancel()
		upgrade := httpstream.IsUpgradeRequest(req)
		if upgrade {
			transport.SetAuthProxyHeaders(outgoing, u.GetName(), u.GetUID(), u.GetGroups(), u.GetExtra())
		}
		withUser := transport.NewAuthProxyRoundTripper(u.GetName(), u.GetUID(), u.GetGroups(), u.GetExtra(), rt)
		h := proxyutil.NewUpgradeAwareHandler(location, withUser, true, upgrade, plainResponder{})
		h.RejectForwardingRedirects = true
		h.ServeHTTP(w, outgoing)
	})
}

// received is what a backend saw of one request.
type received struct {
	Method, URI, Host, Proto string
	Header, Trailer          http.Header
	Length                   int64
	Encoding                 []string
	Body                     string
}

// sent is what a client got for it.
type sent struct {
	Code            int
	Proto           string
	Header, Trailer http.Header
	Length          int64
	Encoding        []string
	Body, BodyErr   string
}

// Requests through kagg's proxy and through upstream's own parts look the same to the backend and to
// the client, over every pair of protocols.
func TestSameAsUpstream(t *testing.T) {
	t.Parallel()
	for _, protocols := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
		t.Run(fmt.Sprintf("front h2 %t, backend h2 %t", protocols[0], protocols[1]), func(t *testing.T) {
			t.Parallel()
			tr := newTrust(t)
			seen := make(chan received, 4)
			host := tr.backend(t, protocols[1], oddBackend(seen))
			target := tr.target(t, host)
			h := New(Options{UpstreamErrors: true})
			fronts := [2]*httptest.Server{
				versioned(t, protocols[0], upstreamProxy(t, tr, host)),
				versioned(t, protocols[0], http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, &target) })),
			}
			for _, tc := range differentialCases() {
				var reached [2]received
				var got [2]sent
				for i, f := range fronts {
					got[i] = tc.send(t, f)
					reached[i] = <-seen
				}
				if diff := cmp.Diff(reached[0], reached[1]); diff != "" {
					t.Errorf("%s: what the backend received (-upstream +kagg):\n%s", tc.name, diff)
				}
				if diff := cmp.Diff(got[0], got[1]); diff != "" {
					t.Errorf("%s: what the client got (-upstream +kagg):\n%s", tc.name, diff)
				}
				if (got[0].BodyErr != "") != tc.abort {
					t.Errorf("%s: upstream's body ended with %q", tc.name, got[0].BodyErr)
				}
			}
		})
	}
}

func versioned(t *testing.T, http2 bool, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(authenticated(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header()["Front"] = []string{"filter"}
		w.Header().Set("Audit-Id", testAuditID)
		h.ServeHTTP(w, req)
	}), testUser))
	s.EnableHTTP2 = http2
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

func (tc *differentialCase) send(t *testing.T, f *httptest.Server) sent {
	t.Helper()
	var body io.Reader
	if tc.body != "" {
		body = strings.NewReader(tc.body)
	}
	if tc.chunks {
		body = io.MultiReader(body)
	}
	req := request(t, tc.method, f.URL, body)
	path, query, hasQuery := strings.Cut(tc.uri, "?")
	// Opaque goes into the request line as it stands.
	req.URL.Opaque, req.URL.RawQuery, req.URL.ForceQuery = "//"+req.URL.Host+path, query, hasQuery
	if tc.header != nil {
		req.Header = tc.header.Clone()
	}
	client := noRedirects(f.Client())
	if rt, ok := client.Transport.(*http.Transport); ok {
		rt.DisableCompression = true // Accept-Encoding is the case's own
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", tc.name, err)
	}
	defer func() { _ = resp.Body.Close() }()
	var read bytes.Buffer
	_, err = io.Copy(&read, resp.Body)
	got := sent{
		Code: resp.StatusCode, Proto: resp.Proto, Header: resp.Header, Trailer: resp.Trailer,
		Length: resp.ContentLength, Encoding: resp.TransferEncoding, Body: read.String(),
	}
	got.Header.Del("Date")
	if err != nil {
		got.BodyErr = "broken off"
	}
	return got
}

// An upgrade's bytes are the same as upstream's, at both ends.
func TestUpgradeSameAsUpstream(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	requests := make(chan string, 1)
	config := tr.serverTLS(t, testServerName, tr.serving.cert.NotAfter)
	for _, answer := range []string{
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: odd\r\nX-A: b\r\n\r\nraw bytes",
		"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nX-A: b\r\n\r\nno",
		"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"garbage\r\n\r\n",
		"",
	} {
		host := rawBackend(t, config, answer, requests)
		target := tr.target(t, host)
		var reached, got [2]string
		h := New(Options{UpstreamErrors: true})
		for i, proxy := range []http.Handler{
			upstreamProxy(t, tr, host),
			http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, &target) }),
		} {
			f := httptest.NewServer(authenticated(proxy, testUser))
			t.Cleanup(f.Close)
			got[i] = rawExchange(t, f.Listener.Addr().String(),
				"POST /apis/example.com/v1/things/a%2Fb/exec?z=1&command=a+b&a=%zz HTTP/1.1\r\nHost: kagg\r\nConnection: keep-alive, Upgrade\r\nUpgrade: odd\r\n"+
					"Authorization: Bearer t\r\nX-Remote-User: root\r\nX-Forwarded-For: 1.1.1.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\nContent-Length: 0\r\n\r\n")
			reached[i] = <-requests
		}
		if diff := cmp.Diff(reached[0], reached[1]); diff != "" {
			t.Errorf("%q: what the backend received (-upstream +kagg):\n%s", answer, diff)
		}
		if diff := cmp.Diff(got[0], got[1]); diff != "" {
			t.Errorf("%q: what the client got (-upstream +kagg):\n%s", answer, diff)
		}
	}
}

// rawBackend reads one request's head a connection, writes an answer and closes.
func rawBackend(t *testing.T, config *tls.Config, answer string, requests chan<- string) string {
	t.Helper()
	var lc net.ListenConfig
	plain, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(plain, config)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			head := readHead(conn)
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
			requests <- head
		}
	}()
	return plain.Addr().String()
}

// readHead returns a request line and its headers, sorted: their order is a map's.
func readHead(conn net.Conn) string {
	var lines []string
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\r\n" {
			break
		}
		lines = append(lines, line)
	}
	if len(lines) > 1 {
		slices.Sort(lines[1:])
	}
	return strings.Join(lines, "")
}

func rawExchange(t *testing.T, address, out string) string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, out); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return "error: " + err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	resp.Header.Del("Date")
	var head strings.Builder
	_ = resp.Header.Write(&head) // sorts
	rest := r.Buffered()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		b, _ := io.ReadAll(resp.Body)
		return fmt.Sprint(resp.Status, "\n", head.String(), "\n", string(b))
	}
	b, _ := io.ReadAll(r)
	return fmt.Sprint(resp.Status, "\n", head.String(), "\n", rest >= 0, string(b))
}
