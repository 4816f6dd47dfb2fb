package proxy

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

// testDeadline is for what must not happen; no test waits for it when it passes.
const testDeadline = 30 * time.Second

const thingsPath = "/apis/example.com/v1/things"

func status(t *testing.T, a answer) metav1.Status {
	t.Helper()
	var s metav1.Status
	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		t.Fatalf("%v in %q", err, a.body)
	}
	if s.Kind != "Status" || s.APIVersion != "v1" || int(s.Code) != a.code {
		t.Errorf("not a Status of code %d: %q", a.code, a.body)
	}
	return s
}

// The checks come in this order, each shown by a target in which the later ones would fail too.
func TestRefusals(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	resolveErr := &ResolveError{Cause: CauseServiceNotFound, Message: `service "api" not found`, Detail: "add it"}
	for _, tc := range []struct {
		name      string
		target    Target
		anonymous bool
		code      int
		upstream  string
		message   string
	}{
		{
			"local without a delegate", Target{Local: true}, true, 404, "\n", "",
		},
		{
			"not available", Target{APIService: testAPIService, Unavailable: "it is down: really", TransportErr: errors.New("bad")}, true,
			503, "service unavailable\n", "it is down: really",
		},
		{
			"not available, no message", Target{APIService: testAPIService}, true,
			503, "service unavailable\n", "APIService v1.example.com is not available",
		},
		{
			"no transport", Target{APIService: testAPIService, Available: true, TransportErr: errors.New("bad PEM"), ResolveErr: resolveErr}, true,
			500, "bad PEM\n",
			"APIService v1.example.com: no connection to its backend can be made: bad PEM; check its caBundle and insecureSkipTLSVerify, and the front-proxy client certificate",
		},
		{
			"no user", Target{APIService: testAPIService, Available: true, Transport: tr.transport(t), ResolveErr: resolveErr}, true,
			500, "missing user\n", "APIService v1.example.com: missing user: the request was not authenticated",
		},
		{
			"not resolved", Target{APIService: testAPIService, Available: true, Transport: tr.transport(t), ResolveErr: resolveErr}, false,
			503, "service unavailable\n", `APIService v1.example.com: its service has no address: service "api" not found: add it`,
		},
		{
			"no hosts", Target{APIService: testAPIService, Available: true, Transport: tr.transport(t)}, false,
			503, "service unavailable\n", "APIService v1.example.com: its service has no address: no address",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			u := testUser
			for _, upstream := range []bool{true, false} {
				h := New(Options{UpstreamErrors: upstream})
				serve := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, &tc.target) })
				f := frontOf(t, serve, u)
				if tc.anonymous {
					f = frontOf(t, serve, nil)
				}
				got := get(t, f, thingsPath)
				if got.code != tc.code {
					t.Errorf("upstream %t: code %d, want %d", upstream, got.code, tc.code)
				}
				if upstream || tc.message == "" {
					if diff := cmp.Diff(tc.upstream, got.body); diff != "" || got.header.Get("Content-Type") != "text/plain; charset=utf-8" {
						t.Errorf("%s (-want +got):\n%s", got.header.Get("Content-Type"), diff)
					}
					continue
				}
				if diff := cmp.Diff(tc.message, status(t, got).Message); diff != "" {
					t.Errorf("message (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestLocalGoesToTheDelegate(t *testing.T) {
	t.Parallel()
	delegate := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	f := front(t, Options{Local: delegate}, Target{Local: true})
	if got := get(t, f, thingsPath); got.code != http.StatusTeapot {
		t.Errorf("got %d", got.code)
	}
}

func TestErrorsAreNegotiated(t *testing.T) {
	t.Parallel()
	f := front(t, Options{}, Target{APIService: testAPIService})
	for accept, want := range map[string]string{
		"":                                    "application/json",
		"*/*":                                 "application/json",
		"application/yaml":                    "application/yaml",
		"application/vnd.kubernetes.protobuf": "application/vnd.kubernetes.protobuf",
		"text/html":                           "application/json",
		"application/json;as=Table;v=v1;g=meta.k8s.io,application/json": "application/json",
	} {
		req := request(t, http.MethodGet, f.URL+thingsPath, nil)
		req.Header.Set("Accept", accept)
		got := do(t, f.Client(), req)
		if got.code != http.StatusServiceUnavailable || got.header.Get("Content-Type") != want {
			t.Errorf("Accept %q: %d %s", accept, got.code, got.header.Get("Content-Type"))
		}
		if strings.Contains(want, "protobuf") {
			s := protobuf.NewSerializer(statusScheme(), statusScheme())
			obj, _, err := s.Decode([]byte(got.body), nil, nil)
			if st, ok := obj.(*metav1.Status); err != nil || !ok || st.Message != "APIService v1.example.com is not available" {
				t.Errorf("protobuf: %v %v", obj, err)
			}
		}
	}
}

// What a client reads when the backend cannot be reached, and that its owner hears of it.
func TestUnreachableBackend(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	hour := time.Now().Add(time.Hour)
	ok := func(http.ResponseWriter, *http.Request) {}
	plain := httpFront(t, Options{Local: http.HandlerFunc(ok)}, Target{Local: true})
	stranger := newTrust(t)
	for _, tc := range []struct {
		name     string
		host     string
		tls      TLS
		upstream []string
		message  []string
	}{
		{
			"refused", refusedAddress(t), tr.tls(),
			[]string{"error trying to reach service: dial tcp ADDR: connect: connection refused\n"},
			[]string{"APIService v1.example.com: backend https://ADDR (by endpoint-slices) did not answer: dial tcp ADDR: connect: connection refused; is it running?"},
		},
		{
			"wrong name", serve(t, tr.serverTLS(t, "other.default.svc", hour), true, ok), tr.tls(),
			[]string{"error trying to reach service: tls: failed to verify certificate: x509: certificate is valid for other.default.svc, not api.default.svc\n"},
			[]string{`; the name wanted is "api.default.svc", the certificate's names are other.default.svc: issue a certificate with that name`},
		},
		{
			"expired", serve(t, tr.serverTLS(t, testServerName, time.Now().Add(-time.Minute)), true, ok), tr.tls(),
			[]string{"error trying to reach service: tls: failed to verify certificate: x509: certificate has expired"},
			[]string{"; issue a new serving certificate"},
		},
		{
			"unknown CA", tr.backend(t, true, ok), stranger.tls(),
			[]string{"error trying to reach service: tls: failed to verify certificate: x509: certificate signed by unknown authority"},
			[]string{`; the certificate was issued by "CN=serving-ca": put that CA's certificate into spec.caBundle`},
		},
		{
			"no client certificate", tr.backend(t, true, ok), TLS{ServerName: testServerName, CABundle: tr.serving.pem},
			[]string{"error trying to reach service: "}, // what net/http says is chance, see hungUp
			[]string{" the front-proxy client certificate: it has to trust the front-proxy CA (--requestheader-client-ca-file)"},
		},
		{
			"plain HTTP", plain.Listener.Addr().String(), tr.tls(),
			[]string{"error trying to reach service: "},
			[]string{"; the backend does not speak TLS on this port"},
		},
		{
			"reset", resetListener(t), tr.tls(),
			[]string{"error trying to reach service: "},
			[]string{"backend https://ADDR (by endpoint-slices) did not answer: "},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, upstream := range []bool{true, false} {
				failed := newFailures()
				target := Target{
					APIService: testAPIService, Available: true, Transport: newTransport(t, tc.tls, TransportOptions{}),
					Resolution: Resolution{Hosts: []string{tc.host}, Rule: RuleEndpointSlices},
				}
				got := get(t, front(t, Options{UpstreamErrors: upstream, OnBackendFailure: failed.note}, target), thingsPath)
				body, want := got.body, tc.upstream
				if !upstream {
					body, want = status(t, got).Message, tc.message
				}
				body = strings.ReplaceAll(body, tc.host, "ADDR")
				if missing := contains(body, want...); got.code != http.StatusServiceUnavailable || missing != "" {
					t.Errorf("got %d %q, want %q in it", got.code, body, missing)
				}
				if n := failed.count(); n != 1 {
					t.Errorf("reported %d times", n)
				}
			}
		})
	}
}

// resetListener accepts connections and drops them.
func resetListener(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

func TestRedirectIsRefused(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	host := tr.backend(t, true, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Secret", "1")
		if req.URL.Query().Get("location") != "" {
			w.Header().Set("Location", "https://evil.example/x")
		}
		w.WriteHeader(http.StatusFound)
	})
	for _, upstream := range []bool{true, false} {
		failed := newFailures()
		f := front(t, Options{UpstreamErrors: upstream, OnBackendFailure: failed.note}, tr.target(t, host))
		client := noRedirects(f.Client())
		got := do(t, client, request(t, http.MethodGet, f.URL+thingsPath+"?location=1", nil))
		body := got.body
		want := "the backend attempted to redirect this request, which is not permitted"
		if !upstream {
			body = status(t, got).Message
			want = "APIService v1.example.com: backend https://" + host + " (by endpoint-slices): " + want + `: it answered 302 with Location "https://evil.example/x"`
		}
		if got.code != http.StatusBadGateway || body != want || got.header.Get("X-Secret") != "" || got.header.Get("Location") != "" {
			t.Errorf("got %d %q %v, want %q", got.code, body, got.header, want)
		}
		if got := do(t, client, request(t, http.MethodGet, f.URL+thingsPath, nil)); got.code != http.StatusFound {
			t.Errorf("a 302 without Location became %d", got.code)
		}
		if n := failed.count(); n != 0 {
			t.Errorf("a redirect counted as %d failures", n)
		}
	}
}
