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
	// The next one is taken.
	next := first + int((tried.Load()+1)%count)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(next))
	if err != nil {
		t.Skip("another process has the port: ", err)
	}
	defer func() { _ = l.Close() }()
	if err := Check(t.Context(), next); err == nil {
		t.Errorf("port %d is said to be free", next)
	}
	if port, err := Free(t.Context()); err != nil || port == next {
		t.Errorf("port %d, which is taken: %v", port, err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := Free(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
