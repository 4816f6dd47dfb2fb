// Package ports finds ports of 127.0.0.1 for servers that cannot choose one themselves, or that come back where they
// were.
package ports

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// The ports are below those that systems give out of their own accord: neither a client's connection nor a server that
// takes any port may have one between the search for it and its use, or while its server is down.
const (
	first = 20_000
	count = 12_000
)

// tried counts the ports that were tried; it begins where another process is not likely to.
var tried atomic.Int64

func init() { tried.Store(int64(os.Getpid()) * 131) }

// Free returns a port that nobody listens on, and that it gave to nobody else in this process; or why there is none, or
// that ctx has ended. It is safe for concurrent use.
func Free(ctx context.Context) (int, error) {
	var last error
	for range count {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		port := first + int(tried.Add(1)%count)
		if last = Check(ctx, port); last == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no port from %d to %d is free: %w", first, first+count-1, last)
}

// Check returns why nobody can listen on a port now; nil where somebody can. It is safe for concurrent use.
func Check(ctx context.Context, port int) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	return l.Close()
}
