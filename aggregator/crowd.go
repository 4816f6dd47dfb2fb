package aggregator

import (
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// crowd is how many backends share what may be spent on asking them. It is safe
// for concurrent use; a nil one has no limit.
type crowd struct {
	// all are the backends there are, down those of them that fail their probes.
	all, down atomic.Int64
}

const (
	// sparse is up to how many backends each is asked at its own pace. One more
	// request a second costs some 0.1 ms of CPU.
	sparse = 100
	// crowdLongest is how long a backend in a crowd may wait for its turn: the
	// kube-aggregator's minute.
	crowdLongest = time.Minute
	// downBudget is the time between two probes of any of the backends that are
	// down.
	downBudget = 10 * time.Millisecond
)

// regular returns the wait after a round that went well, where one backend alone
// would wait for pause. Beyond sparse it grows with the square of the number, so
// that all of them together cost less the more they are: a connection that closes is
// noticed without asking.
func (c *crowd) regular(pause time.Duration) time.Duration {
	if c == nil {
		return pause
	}
	n := c.all.Load()
	if n <= sparse {
		return pause
	}
	times := float64(n) / sparse
	return jittered(max(pause, time.Duration(min(float64(pause)*times*times, float64(crowdLongest)))))
}

// retry is regular for a backend that is down.
func (c *crowd) retry(pause time.Duration) time.Duration {
	if c == nil {
		return pause
	}
	if shared := time.Duration(c.down.Load()) * downBudget; shared > pause {
		return jittered(min(shared, crowdLongest))
	}
	return pause
}

// jittered keeps a crowd that began together from asking together.
func jittered(d time.Duration) time.Duration {
	return d - d/8 + rand.N(d/4+1) //nolint:gosec // when to ask is no secret
}

// crowded tells whether there are so many backends that looking after each
// connection costs too much.
func (c *crowd) crowded() bool { return c != nil && c.all.Load() > sparse }
