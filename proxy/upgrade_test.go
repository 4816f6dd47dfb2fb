package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

const execPath = "/apis/example.com/v1/namespaces/default/things/a/exec?stdin=1"

// What the backend sees of the user is the same with an upgrade as without.
func checkUpgradeIdentity(t *testing.T, h http.Header) {
	t.Helper()
	got := http.Header{}
	for k, v := range h {
		if strings.HasPrefix(strings.ToLower(k), "x-") || k == "Authorization" || k == "Audit-Id" {
			got[k] = v
		}
	}
	want := http.Header{
		"X-Remote-User": {"jane"}, "X-Remote-Uid": {"uid-1"}, "X-Remote-Group": {"devs", "system:authenticated"},
		"X-Remote-Extra-Authentication.kubernetes.io%2fcredential-Id": {"X509SHA256=ab"},
		"X-Forwarded-For": {"127.0.0.1"}, "Audit-Id": {testAuditID},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("identity at an upgrade (-want +got):\n%s", diff)
	}
}

func spoofed() http.Header {
	return http.Header{"Authorization": {"Bearer secret"}, "X-Remote-User": {"root"}, "X_Remote_User": {"root"}, "X-Remote-Extra-A": {"b"}}
}

func TestWebSocketUpgrade(t *testing.T) {
	t.Parallel()
	// The backend speaks HTTP/2 too: an upgrade must not negotiate it.
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		seen := make(chan http.Header, 1)
		upgrader := websocket.Upgrader{Subprotocols: []string{"v5.channel.k8s.io"}}
		host := tr.backend(t, http2, func(w http.ResponseWriter, req *http.Request) {
			seen <- req.Header
			conn, err := upgrader.Upgrade(w, req, nil)
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			for {
				kind, data, err := conn.ReadMessage()
				if err != nil || conn.WriteMessage(kind, append([]byte("echo "), data...)) != nil {
					return
				}
			}
		})
		// The first host refuses the dial, the second is asked.
		target := tr.target(t, refusedAddress(t), host)
		failed := newFailures()
		f := httpFront(t, Options{OnBackendFailure: failed.note}, target)
		dialer := websocket.Dialer{Subprotocols: []string{"v5.channel.k8s.io"}}
		conn, resp, err := dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(f.URL, "http")+execPath, spoofed())
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		defer func() { _ = conn.Close() }()
		for _, message := range []string{"a", strings.Repeat("b", 100_000)} {
			if err := conn.WriteMessage(websocket.TextMessage, []byte(message)); err != nil {
				t.Fatal(err)
			}
			if _, data, err := conn.ReadMessage(); err != nil || string(data) != "echo "+message {
				t.Fatalf("read %d bytes, %v", len(data), err)
			}
		}
		if conn.Subprotocol() != "v5.channel.k8s.io" {
			t.Errorf("subprotocol %q", conn.Subprotocol())
		}
		checkUpgradeIdentity(t, <-seen)
		if n := failed.count(); n != 1 {
			t.Errorf("reported %d failures, want the one refused dial", n)
		}
	})
}

func TestSPDYUpgrade(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		seen := make(chan http.Header, 1)
		host := tr.backend(t, http2, func(w http.ResponseWriter, req *http.Request) {
			seen <- req.Header
			conn := spdy.NewResponseUpgrader().UpgradeResponse(w, req, func(s httpstream.Stream, replied <-chan struct{}) error {
				go func() {
					<-replied
					_, _ = io.Copy(s, s)
					_ = s.Close()
				}()
				return nil
			})
			if conn != nil {
				<-conn.CloseChan()
			}
		})
		f := httpFront(t, Options{}, tr.target(t, host))
		rt, err := spdy.NewRoundTripper(nil)
		if err != nil {
			t.Fatal(err)
		}
		req := request(t, http.MethodPost, f.URL+execPath, nil)
		req.Header = spoofed()
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := rt.NewConnection(resp)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		stream, err := conn.CreateStream(http.Header{"Streamtype": {"stdin"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(stream, "hello"); err != nil {
			t.Fatal(err)
		}
		if err := stream.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(stream); err != nil || string(got) != "hello" {
			t.Errorf("echo %q, %v", got, err)
		}
		checkUpgradeIdentity(t, <-seen)
	})
}

// An upgrade that fails is answered, and its cause is not lost on the way through apimachinery.
func TestUpgradeFailures(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	hour := time.Now().Add(time.Hour)
	refused := refusedAddress(t)
	for _, tc := range []struct {
		name     string
		host     string
		code     int
		upstream string
		message  string
		failures int
	}{
		{
			"refused", refused, 503, "error dialing backend: dial tcp ADDR: connect: connection refused\n",
			"did not answer: dial tcp ADDR: connect: connection refused; is it running?", 1,
		},
		{
			"wrong name", serve(t, tr.serverTLS(t, "other.default.svc", hour), true, nil), 503,
			"error dialing backend: tls: failed to verify certificate: x509: certificate is valid for other.default.svc, not api.default.svc\n",
			`the name wanted is "api.default.svc"`, 1,
		},
		{
			"no answer", tr.backend(t, false, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), 503,
			"unexpected EOF\n", "did not answer: unexpected EOF", 1,
		},
		{
			"no upgrade", tr.backend(t, false, func(http.ResponseWriter, *http.Request) {}), 503,
			"invalid upgrade response: status code 200\n", "invalid upgrade response: status code 200", 0,
		},
		{
			"redirect", tr.backend(t, false, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://evil.example")
				w.WriteHeader(http.StatusFound)
			}), 503,
			"invalid upgrade response: status code 302\n", "invalid upgrade response: status code 302", 0,
		},
		{
			"forbidden", tr.backend(t, false, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, "the backend's own words")
			}), 403, "the backend's own words", "", 0,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, upstream := range []bool{true, false} {
				failed := newFailures()
				f := httpFront(t, Options{UpstreamErrors: upstream, OnBackendFailure: failed.note}, tr.target(t, tc.host))
				req := request(t, http.MethodGet, f.URL+execPath, nil)
				req.Header.Set("Connection", "Upgrade")
				req.Header.Set("Upgrade", "websocket")
				got := do(t, f.Client(), req)
				body, want := got.body, tc.upstream
				if !upstream && tc.message != "" {
					body, want = status(t, got).Message, tc.message
				}
				body = strings.ReplaceAll(body, tc.host, "ADDR")
				if got.code != tc.code || !strings.Contains(body, want) {
					t.Errorf("upstream %t: got %d %q, want %q", upstream, got.code, body, want)
				}
				if n := failed.count(); n != tc.failures {
					t.Errorf("upstream %t: reported %d failures, want %d", upstream, n, tc.failures)
				}
			}
		})
	}
}

// A request for the discovery of one group-version has 5 seconds, others have no deadline.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	for path, limited := range map[string]bool{"/apis/example.com/v1": true, thingsPath: false, "/apis/example.com/v1/things?watch=1": false} {
		deadlines := make(chan bool, 1)
		transport := newTransport(t, tr.tls(), TransportOptions{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			deadline, ok := ctx.Deadline()
			deadlines <- ok && time.Until(deadline) <= 5*time.Second
			return nil, net.ErrClosed
		}})
		h := New(Options{})
		target := Target{APIService: testAPIService, Available: true, Transport: transport, Resolution: Resolution{Hosts: []string{"h:1"}}}
		// The dial of an upgrade is given the request's own context.
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		req.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
		serve := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, &target) })
		authenticated(serve, testUser).ServeHTTP(httptest.NewRecorder(), req)
		if got := <-deadlines; got != limited {
			t.Errorf("%s: 5 s deadline %t, want %t", path, got, limited)
		}
	}
}
