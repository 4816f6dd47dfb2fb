package aggregator

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// deadlines end contexts after one and the same time, which makes the oldest the first to
// end: one timer does for all. A timer of its own for each request, which nearly always
// stops it, would wake a thread to wait for it.
type deadlines struct {
	after time.Duration

	mu    sync.Mutex
	timer *time.Timer // nil until it is needed
	// oldest and newest are the ends of the list of those that have not ended.
	oldest, newest *deadline
}

// deadline is a context of a request that started at a known time. Contexts that are made of it end with it, as
// cancelled: they see what it is made of.
type deadline struct {
	context.Context //nolint:containedctx // it is one itself

	cancel  context.CancelFunc
	at      time.Time
	expired atomic.Bool

	of             *deadlines
	older, younger *deadline
}

// begin returns a context that ends the time after started. Its end is to be called.
func (d *deadlines) begin(parent context.Context, started time.Time) *deadline {
	c := &deadline{at: started.Add(d.after), of: d}
	c.Context, c.cancel = context.WithCancel(parent)
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.older = d.newest; c.older != nil {
		c.older.younger = c
	} else {
		d.oldest = c
	}
	d.newest = c
	if d.timer == nil {
		// It goes on when the list is empty: the next request finds it running.
		d.timer = time.AfterFunc(d.after, d.expire)
	}
	return c
}

// end gives the context up.
func (c *deadline) end() {
	c.of.mu.Lock()
	c.unlink()
	c.of.mu.Unlock()
	c.cancel()
}

// unlink takes c out of the list, once.
func (c *deadline) unlink() {
	d := c.of
	switch {
	case c.older != nil:
		c.older.younger = c.younger
	case d.oldest == c:
		d.oldest = c.younger
	}
	switch {
	case c.younger != nil:
		c.younger.older = c.older
	case d.newest == c:
		d.newest = c.older
	}
	c.older, c.younger = nil, nil
}

// expire ends those whose time has come.
func (d *deadlines) expire() {
	var over []*deadline
	d.mu.Lock()
	now := time.Now()
	for d.oldest != nil && !now.Before(d.oldest.at) {
		over = append(over, d.oldest)
		d.oldest.unlink()
	}
	if d.oldest != nil {
		d.timer.Reset(d.oldest.at.Sub(now))
	} else {
		d.timer = nil
	}
	d.mu.Unlock()
	for _, c := range over {
		// The error of one that has ended already does not change any more.
		if c.Context.Err() == nil {
			c.expired.Store(true)
		}
		c.cancel()
	}
}

// Deadline implements context.Context.
func (c *deadline) Deadline() (time.Time, bool) { return c.at, true }

// Err implements context.Context.
func (c *deadline) Err() error {
	err := c.Context.Err()
	if err != nil && c.expired.Load() {
		return context.DeadlineExceeded
	}
	return err
}
