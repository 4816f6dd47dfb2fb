package proxy

import (
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A silent connection is pinged after idleInTests, and is dead after another pingInTests: longer than one that is alive
// may be held up.
const (
	idleInTests = 50 * time.Millisecond
	pingInTests = time.Second
)

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
	target.Transport = newTransport(t, tr.tls(), TransportOptions{ReadIdleTimeout: idleInTests, PingTimeout: pingInTests})
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
	target.Transport = newTransport(t, tr.tls(), TransportOptions{ReadIdleTimeout: idleInTests, PingTimeout: pingInTests})
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
	if err := <-failed.ch; err == nil {
		t.Error("the failure was told of without its error")
	}
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
