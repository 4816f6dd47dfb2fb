package proxy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
