// Package ports finds ports of 127.0.0.1 for servers that cannot choose one themselves, or that come back where they
// were.
package ports

import (
	"context"
	"fmt"
	"net"
	"os"
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

// Free returns a port that nobody listens on, and that nobody else in this process is given.
func Free(ctx context.Context) (int, error) {
	var config net.ListenConfig
	var last error
	for range count {
		port := first + int(tried.Add(1)%count)
		l, err := config.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			last = err
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no port from %d to %d is free: %w", first, first+count-1, last)
}
