package aggregator

import (
	"context"
	"sync"
	"sync/atomic"
)

// snapshots holds the newest Snapshot. Readers do one atomic load; waiters are
// woken by each new one.
type snapshots struct {
	current atomic.Pointer[Snapshot]

	mu      sync.Mutex
	changed chan struct{}
}

func newSnapshots() *snapshots { return &snapshots{changed: make(chan struct{})} }

// load returns the newest snapshot, nil before the first.
func (s *snapshots) load() *Snapshot { return s.current.Load() }

// publish makes next the newest and wakes all waiters.
func (s *snapshots) publish(next *Snapshot) {
	s.current.Store(next)
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

// wait returns the newest snapshot for which done is true, or ctx's error.
func (s *snapshots) wait(ctx context.Context, done func(*Snapshot) bool) (*Snapshot, error) {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if now := s.load(); now != nil && done(now) {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		}
	}
}
