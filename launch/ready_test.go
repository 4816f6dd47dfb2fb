package launch

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"
)

// Whichever time is over first, that of a request or that of the start, a child that is silent is told of alike.
func TestSilentChildIsSaidToListen(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	s := &Server{port: l.Addr().(*net.TCPAddr).Port}
	_, lack := s.askReady(t.Context(), &http.Client{Timeout: 50 * time.Millisecond})
	if want := fmt.Sprintf("it listens on 127.0.0.1:%d, and does not answer GET /readyz", s.port); lack != want {
		t.Errorf("said %q, want %q", lack, want)
	}
}
