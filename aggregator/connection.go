package aggregator

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/kagg-project/kagg/proxy"
)

// dialWatched opens connections that tell lost when the other side ends them.
// The pool reads from its connections all the time, so that a backend that goes
// is noticed at once, not by the next probe. lost must not block.
func dialWatched(lost func()) func(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: proxy.DefaultDialTimeout, KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &watchedConn{Conn: c, lost: lost}, nil
	}
}

type watchedConn struct {
	net.Conn
	lost func()
}

// Read reads, and tells of an end that this side did not ask for.
func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		c.lost()
	}
	return n, err
}

// firstLossDelay is how soon after a lost connection a backend that still
// answered is asked again: one that stops may end its connections before it
// stops listening.
const firstLossDelay = 50 * time.Millisecond

// lossPacer says which lost connections are worth a probe, and when to look
// again after one. A backend that ends every connection after its answer would
// otherwise be probed without end: one loss counts between two rounds, and the
// rounds that follow losses come ever later.
type lossPacer struct {
	longest time.Duration
	delay   time.Duration
	lost    bool
}

// heed tells whether a loss is worth a probe now.
func (p *lossPacer) heed() bool {
	if p.lost {
		return false
	}
	p.lost = true
	p.delay = min(max(2*p.delay, firstLossDelay), p.longest)
	return true
}

// tick begins a round that no loss caused.
func (p *lossPacer) tick() {
	if !p.lost {
		p.delay = 0
	}
	p.lost = false
}

// next returns how long to wait for the next round.
func (p *lossPacer) next(regular time.Duration) time.Duration {
	if p.lost {
		return min(p.delay, regular)
	}
	return regular
}
