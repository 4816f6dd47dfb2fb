package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The environment names a proxy for everything, before anything in this process has asked for it.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		if err := os.Setenv(name, "http://127.0.0.1:1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func roundTrip(t *testing.T, tr http.RoundTripper, host string) (string, error) {
	t.Helper()
	resp, err := tr.RoundTrip(request(t, http.MethodGet, "https://"+host+thingsPath, nil))
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(resp.Body)
	return string(b), errors.Join(err, resp.Body.Close())
}

func TestEnvironmentProxyIsNotUsed(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	host := tr.backend(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	const far = "backend.example:6443" // net/http never uses a proxy for 127.0.0.1
	if u, err := http.ProxyFromEnvironment(request(t, http.MethodGet, "https://"+far, nil)); err != nil || u == nil {
		t.Fatalf("the environment names no proxy: %v, %v", u, err)
	}
	dialled := make(chan string, 1)
	transport := newTransport(t, tr.tls(), TransportOptions{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled <- address
		return (&net.Dialer{}).DialContext(ctx, network, host)
	}})
	if got, err := roundTrip(t, transport, far); err != nil || got != "ok" {
		t.Errorf("%q, %v", got, err)
	}
	if got := <-dialled; got != far {
		t.Errorf("dialled %s, want %s", got, far)
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	tr, stranger := newTrust(t), newTrust(t)
	host := tr.backend(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	for _, tc := range []struct {
		name string
		edit func(*TLS)
		want string // of the error, "" for none
	}{
		{"bundle", func(*TLS) {}, ""},
		{"extra roots without a bundle", func(s *TLS) { s.CABundle, s.ExtraRoots = nil, tr.serving.pem }, ""},
		{"extra roots do not count beside a bundle", func(s *TLS) { s.CABundle, s.ExtraRoots = stranger.serving.pem, tr.serving.pem }, "unknown authority"},
		{"system roots alone", func(s *TLS) { s.CABundle = nil }, "unknown authority"},
		{"insecure", func(s *TLS) { s.CABundle, s.ServerName, s.InsecureSkipVerify = nil, "other", true }, ""},
		{"other name", func(s *TLS) { s.ServerName = "other" }, "not other"},
		{"client certificate of a stranger", func(s *TLS) { s.ClientCert, s.ClientKey = stranger.clientCert, stranger.clientKey }, "remote error"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			settings := tr.tls()
			tc.edit(&settings)
			transport := newTransport(t, settings, TransportOptions{})
			got, err := roundTrip(t, transport, host)
			if tc.want == "" && (err != nil || got != "ok") || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("request: %q, %v; want error %q", got, err, tc.want)
			}
			// The connection of an upgrade trusts alike. TLS 1.3 tells a client that it is refused with the first read.
			conn, err := transport.DialTLS(t.Context(), host)
			if err == nil {
				_, _ = fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				_, err = io.ReadAll(conn)
				_ = conn.Close()
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("upgrade: %v; want error %q", err, tc.want)
			}
		})
	}
}

func TestNewTransportErrors(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	for want, edit := range map[string]func(*TLS){
		"unable to load root certificates: unable to parse bytes as PEM block":      func(s *TLS) { s.CABundle = []byte("x") },
		"specifying a root certificates file with the insecure flag is not allowed": func(s *TLS) { s.InsecureSkipVerify = true },
		"tls: failed to find any PEM data in certificate input":                     func(s *TLS) { s.ClientCert = []byte("x") },
		"extra roots: no PEM block of a certificate in them; give the CA's certificate as PEM": func(s *TLS) {
			s.CABundle, s.ExtraRoots = nil, []byte("x")
		},
	} {
		settings := tr.tls()
		edit(&settings)
		if _, err := NewTransport(settings, TransportOptions{}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestBackendOf(t *testing.T) {
	t.Parallel()
	q := Query{Namespace: "default", Name: "api", Port: 443}
	r := Resolution{Hosts: []string{"a:1", "b:2"}, Rule: RuleEndpointSlices, Reason: "one"}
	base := TLS{ServerName: "s", CABundle: []byte("ca"), ClientCert: []byte("cert"), ClientKey: []byte("key")}
	same := r
	same.Rule, same.Reason = RuleEndpoints, "another reason, the same address"
	if BackendOf(q, r, base) != BackendOf(q, same, base) {
		t.Error("the same backend differs")
	}
	seen := map[Backend]string{BackendOf(q, r, base): "base"}
	note := func(what string, b Backend) {
		if other, ok := seen[b]; ok {
			t.Errorf("%s is the same as %s", what, other)
		}
		seen[b] = what
	}
	note("port", BackendOf(Query{"default", "api", 444}, r, base))
	note("hosts", BackendOf(q, Resolution{Hosts: []string{"a:1"}}, base))
	for what, edit := range map[string]func(*TLS){
		"name":     func(s *TLS) { s.ServerName = "other" },
		"bundle":   func(s *TLS) { s.CABundle = []byte("other") },
		"insecure": func(s *TLS) { s.InsecureSkipVerify = true },
		"extra":    func(s *TLS) { s.ExtraRoots = []byte("other") },
		"cert":     func(s *TLS) { s.ClientCert = []byte("other") },
		"key":      func(s *TLS) { s.ClientKey = []byte("other") },
		"shifted":  func(s *TLS) { s.ClientCert, s.ClientKey = []byte("certk"), []byte("ey") },
	} {
		settings := base
		edit(&settings)
		note(what, BackendOf(q, r, settings))
	}
}

// relay passes TCP on until it is told to swallow what comes over the connections it has by then.
type relay struct {
	address string
	mu      sync.Mutex
	dead    []*atomic.Bool
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := &relay{address: l.Addr().String()}
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", to)
			if err != nil {
				_ = near.Close()
				continue
			}
			dead := &atomic.Bool{}
			r.mu.Lock()
			r.dead = append(r.dead, dead)
			r.mu.Unlock()
			go pass(far, near, dead)
			go pass(near, far, dead)
		}
	}()
	return r
}

func pass(dst, src net.Conn, dead *atomic.Bool) {
	defer func() { _, _ = dst.Close(), src.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		if dead.Load() {
			continue // swallowed: no byte, no FIN, no RST
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (r *relay) swallow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.dead {
		d.Store(true)
	}
}

// A pooled HTTP/2 connection whose other end fell silent is found by pings; the request that waits on
// it fails, is reported, and the next one opens a new connection.
func TestDeadHTTP2Connection(t *testing.T) {
	t.Parallel()
	if found := DefaultReadIdleTimeout + DefaultPingTimeout; found >= 5*time.Second {
		t.Errorf("by default a dead connection is found after %s", found)
	}
	tr := newTrust(t)
	wire := newRelay(t, tr.backend(t, true, func(w http.ResponseWriter, req *http.Request) { _, _ = io.WriteString(w, req.Proto) }))
	target := tr.target(t, wire.address)
	target.Transport = newTransport(t, tr.tls(), TransportOptions{ReadIdleTimeout: 50 * time.Millisecond, PingTimeout: 50 * time.Millisecond})
	failed := newFailures()
	f := front(t, Options{OnBackendFailure: failed.note}, target)
	if got := get(t, f, thingsPath); got.body != "HTTP/2.0" {
		t.Fatalf("got %+v", got)
	}
	wire.swallow()
	// The dead connection may be found before the request takes it, or while the request waits on it.
	if got := get(t, f, thingsPath); got.body != "HTTP/2.0" {
		if got.code != http.StatusServiceUnavailable || failed.count() != 1 {
			t.Errorf("got %+v, %d failures reported", got, failed.count())
		}
	}
	if got := get(t, f, thingsPath); got.body != "HTTP/2.0" {
		t.Errorf("after the dead connection: %+v", got)
	}
}

// A watch on a dead connection ends, instead of staying silent for ever.
func TestDeadConnectionEndsWatch(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	wire := newRelay(t, tr.backend(t, true, func(w http.ResponseWriter, req *http.Request) {
		flush(w)
		<-req.Context().Done()
	}))
	target := tr.target(t, wire.address)
	target.Transport = newTransport(t, tr.tls(), TransportOptions{ReadIdleTimeout: 50 * time.Millisecond, PingTimeout: 50 * time.Millisecond})
	failed := newFailures()
	f := front(t, Options{OnBackendFailure: failed.note}, target)
	resp, err := f.Client().Do(request(t, http.MethodGet, f.URL+thingsPath+"?watch=1", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	wire.swallow()
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the watch ended as if it were whole")
	}
	<-failed.ch
}

// GOAWAY from a backend that shuts down: requests move to a new connection.
func TestGoAway(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	var calls atomic.Int32
	host := tr.backend(t, true, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Connection", "close") // net/http sends GOAWAY
		}
		_, _ = io.WriteString(w, "ok")
	})
	f := front(t, Options{}, tr.target(t, host))
	for range 3 {
		if got := get(t, f, thingsPath); got.body != "ok" {
			t.Errorf("got %+v", got)
		}
	}
}

func TestHostsInTurn(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	var hosts []string
	for _, name := range []string{"a", "b", "c"} {
		host := tr.backend(t, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
		hosts = append(hosts, host)
	}
	f := front(t, Options{}, tr.target(t, hosts...))
	var got []string
	for range 6 {
		got = append(got, get(t, f, thingsPath).body)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "a", "b", "c"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A host that refuses the dial has not seen the request: the next one gets it, body and all.
func TestNextHostAfterRefusedDial(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		host := tr.backend(t, http2, func(w http.ResponseWriter, req *http.Request) {
			b, err := io.ReadAll(req.Body)
			_, _ = fmt.Fprint(w, string(b), err, req.Host, req.Header.Get("X-Forwarded-Host"), req.Header.Get("X-Forwarded-For"))
		})
		failed := newFailures()
		f := front(t, Options{OnBackendFailure: failed.note}, tr.target(t, refusedAddress(t), host, refusedAddress(t)))
		for range 3 {
			req := request(t, http.MethodPost, f.URL+thingsPath, io.MultiReader(strings.NewReader("bo"), strings.NewReader("dy")))
			if got, want := do(t, f.Client(), req).body, "body<nil>"+host+host+"127.0.0.1"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if failed.count() != 3 {
			t.Errorf("reported %d failures, want 1 + 0 + 2", failed.count())
		}

		none := front(t, Options{UpstreamErrors: true}, tr.target(t, refusedAddress(t), refusedAddress(t)))
		if got := get(t, none, thingsPath); got.code != http.StatusServiceUnavailable {
			t.Errorf("all refused: %+v", got)
		}
	})
}

// closeTold is a connection that tells when it is closed.
type closeTold struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
}

func (c *closeTold) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Close leaves a request in flight alone, and its connection does not outlive it.
func TestCloseDropsThePool(t *testing.T) {
	t.Parallel()
	eachProtocol(t, func(t *testing.T, http2 bool) {
		tr := newTrust(t)
		started, finish := make(chan struct{}), make(chan struct{})
		host := tr.backend(t, http2, func(w http.ResponseWriter, _ *http.Request) {
			flush(w)
			close(started)
			<-finish
			_, _ = io.WriteString(w, "whole")
		})
		conns := make(chan *closeTold, 8)
		transport := newTransport(t, tr.tls(), TransportOptions{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			told := &closeTold{Conn: conn, closed: make(chan struct{})}
			conns <- told
			return told, nil
		}})
		got := make(chan string, 1)
		go func() {
			b, err := roundTrip(t, transport, host)
			got <- fmt.Sprint(b, err)
		}()
		<-started
		conn := <-conns
		transport.Close()
		select {
		case <-conn.closed:
			t.Fatal("the connection of a request in flight was closed")
		default:
		}
		close(finish)
		if s := <-got; s != "whole<nil>" {
			t.Errorf("the request in flight got %q", s)
		}
		<-conn.closed
	})
}

// The pool is one connection over HTTP/2.
func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	tr := newTrust(t)
	host := tr.backend(t, true, func(w http.ResponseWriter, req *http.Request) { _, _ = io.WriteString(w, req.RemoteAddr+req.Proto) })
	f := front(t, Options{}, tr.target(t, host))
	first := get(t, f, thingsPath).body
	for range 5 {
		if got := get(t, f, thingsPath).body; got != first || !strings.HasSuffix(got, "HTTP/2.0") {
			t.Errorf("%q after %q", got, first)
		}
	}
}
