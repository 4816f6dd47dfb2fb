package proxy

import (
	"bufio"
	"bytes"
	"compress/gzip"
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

type differentialCase struct {
	name   string
	method string
	uri    string // as it stands in the request line
	header http.Header
	body   string
	chunks bool // send the body without its length
	abort  bool // the answer breaks off
}

func differentialCases() []differentialCase {
	const things = "/apis/example.com/v1/things"
	cases := []differentialCase{
		{name: "watch", method: "GET", uri: things + "?watch=1"},
		{name: "post", method: "POST", uri: things, body: `{"a":1}`, header: http.Header{"Content-Type": {"application/json"}}},
		{name: "chunked put", method: "PUT", uri: things + "/a", body: strings.Repeat("x", 100_000), chunks: true},
		{name: "patch", method: "PATCH", uri: things + "/a?fieldManager=m&force=true", body: "{}"},
		{name: "delete", method: "DELETE", uri: things + "/a"},
		{name: "head", method: "HEAD", uri: things},
		{name: "options", method: "OPTIONS", uri: things},
		{name: "odd method", method: "PROPFIND", uri: things},
		{name: "no user agent", method: "GET", uri: things, header: http.Header{"User-Agent": nil}},
		{name: "spoofed identity", method: "GET", uri: things, header: http.Header{
			"X-Remote-User": {"root"}, "X-Remote-Group": {"system:masters"}, "X-Remote-Uid": {"0"}, "X-Remote-Extra-A": {"b"}, "Authorization": {"Bearer t"},
		}},
		{name: "forwarded", method: "GET", uri: things, header: http.Header{
			"X-Forwarded-For": {"1.1.1.1", "2.2.2.2"}, "Forwarded": {"for=3.3.3.3"}, "X-Forwarded-Host": {"h"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Uri": {"/u"},
		}},
		{name: "te trailers", method: "GET", uri: things, header: http.Header{"Te": {"trailers"}}},
		{name: "range", method: "GET", uri: things, header: http.Header{"Range": {"bytes=0-1"}, "If-None-Match": {`"x"`}}},
		{name: "cookies", method: "GET", uri: things, header: http.Header{"Cookie": {"a=b; c=d"}}},
		{name: "client takes gzip", method: "GET", uri: things + "?answer=gzip", header: http.Header{"Accept-Encoding": {"gzip"}}},
		{name: "client takes no encoding", method: "GET", uri: things + "?answer=gzip"},
		{name: "break off", method: "GET", uri: things + "?answer=abort", abort: true},
	}
	for _, uri := range []string{
		"/apis/example.com/v1", "/apis/example.com/v1/", things + "/", things + "/a%2Fb", things + "/a%2fb/c%20d", things + "/a%252Fb",
		things + "/%E2%98%83", things + "/a+b", things + "/a:b;c=d,e@f!$&'()*", things + "/%5Bx%5D%22%3C%3E", things + "//x//y", "//apis//v1", things + "/../y",
		things + "/a%3Fb%23c", things + "?", things + "?b=2&a=1&a=0&c", things + "?a=1;b=2", things + "?x=%zz&y=1", things + "?q=a+b%20c%2B&empty=",
		things + "?labelSelector=a%3Db%2Cc+in+%28d%29",
	} {
		cases = append(cases, differentialCase{name: "uri " + uri, method: "GET", uri: uri})
	}
	for _, a := range []string{"304", "302", "302-location", "307-location", "created", "html", "html-gzip", "cors", "trailers", "early", "204", "500", "known", "slow", "hop"} {
		cases = append(cases, differentialCase{name: "answer " + a, method: "GET", uri: things + "?answer=" + a})
	}
	return cases
}

// oddBackend answers what the query asks for.
func oddBackend(seen chan<- received) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		seen <- received{
			Method: req.Method, URI: req.RequestURI, Host: req.Host, Proto: req.Proto, Header: req.Header, Trailer: req.Trailer,
			Length: req.ContentLength, Encoding: req.TransferEncoding, Body: string(body),
		}
		h := w.Header()
		h.Set("X-Backend", "1")
		say := func(s string) { _, _ = io.WriteString(w, s) }
		switch req.URL.Query().Get("answer") {
		case "304":
			h.Set("Etag", `"1"`)
			w.WriteHeader(http.StatusNotModified)
		case "302":
			w.WriteHeader(http.StatusFound)
		case "302-location":
			h.Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusFound)
		case "307-location":
			http.Redirect(w, req, "https://evil.example/", http.StatusTemporaryRedirect)
		case "created":
			h.Set("Location", "/apis/example.com/v1/things/new")
			w.WriteHeader(http.StatusCreated)
		case "html":
			h.Set("Content-Type", "text/html; charset=utf-8")
			say(`<html><a href="/apis/x">x</a><img src="y.png"></html>`)
		case "html-gzip", "gzip":
			h.Set("Content-Type", map[string]string{"html-gzip": "text/html", "gzip": "application/json"}[req.URL.Query().Get("answer")])
			if !strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
				say("<html>plain</html>")
				return
			}
			h.Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, `<html><a href="/apis/x">x</a></html>`)
			_ = z.Close()
		case "cors":
			h.Set("Access-Control-Allow-Origin", "*")
			h.Set("Access-Control-Allow-Methods", "GET")
			h.Set("Access-Control-Expose-Headers", "X")
		case "trailers":
			h.Set("Trailer", "X-A")
			say("body")
			flush(w)
			h.Set("X-A", "a")
			h.Set(http.TrailerPrefix+"X-B", "b")
		case "early":
			h.Set("Link", "x")
			w.WriteHeader(http.StatusEarlyHints)
			say("late")
		case "204":
			w.WriteHeader(http.StatusNoContent)
		case "500":
			http.Error(w, "the backend's own words", http.StatusInternalServerError)
		case "known":
			h.Set("Content-Length", "5")
			say("known")
		case "slow":
			say("a")
			flush(w)
			say("b")
		case "hop":
			h.Set("Keep-Alive", "1")
			h.Set("Proxy-Authenticate", "x")
			h.Set("Warning", `299 - "w"`)
			h["X-Multi"] = []string{"1", "2"}
			say("hop")
		case "abort":
			say("half")
			flush(w)
			panic(http.ErrAbortHandler)
		default:
			say(strings.Repeat(req.Method, 1000))
		}
	}
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
				versioned(t, protocols[0], http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, target) })),
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
	s := httptest.NewUnstartedServer(authenticated(h, testUser))
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
			http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, target) }),
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
