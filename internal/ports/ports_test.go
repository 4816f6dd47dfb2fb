package ports

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
)

func TestFree(t *testing.T) {
	t.Parallel()
	given := map[int]bool{}
	for range 100 {
		port, err := Free(t.Context())
		if err != nil || given[port] || port < first || port >= first+count {
			t.Fatalf("port %d, given before: %t; %v", port, given[port], err)
		}
		given[port] = true
	}
	// It has one turn again, and is taken.
	port, err := Free(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if err := Check(t.Context(), port); err == nil {
		t.Errorf("port %d is said to be free", port)
	}
	tried.Add(-1)
	if again, err := Free(t.Context()); err != nil || again == port {
		t.Errorf("port %d, which is taken: %v", again, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := Free(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
