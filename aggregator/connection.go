package aggregator

import (
	"context"
	"net"
	"time"

	"github.com/kagg-project/kagg/proxy"
)

// dialWatched opens connections that tell lost when they are closed. The pool
// reads from its connections all the time and closes one as soon as the other
// side has, so that a backend that goes is noticed at once, not by the next
// probe. The pool's own closings are told too. lost must not block.
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

// watchedConn wraps, and does not read, what it watches: behind TLS the end of a
// connection is a message, which only the reader above understands.
type watchedConn struct {
	net.Conn
	lost func()
}

// Close closes the connection and tells of it.
func (c *watchedConn) Close() error {
	c.lost()
	return c.Conn.Close()
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
