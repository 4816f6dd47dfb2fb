package memory

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/utils/clock"
)

// Backend is the whole in-memory database: the data of all resources under one revision counter, as
// one etcd has. It is safe for concurrent use.
type Backend struct {
	options Options
	done    chan struct{}

	// mu guards everything below and all tables. It is held for tree operations only: never while
	// a codec, a caller's function, a timer or a channel send runs.
	mu        sync.RWMutex
	closed    bool
	revision  uint64
	compacted uint64
	tables    map[string]*table
	gaps      []gap
	journal   *journal // nil: nothing is kept on disk
}

// NewBackend returns an empty database at the revision that the options tell. Its owner calls
// [Backend.Close] when nothing uses it any more.
func NewBackend(o Options) *Backend {
	o = o.withDefaults()
	return &Backend{
		options:   o,
		done:      make(chan struct{}),
		revision:  o.FirstRevision,
		compacted: o.FirstRevision - 1,
		tables:    map[string]*table{},
	}
}

// Close ends all watches, stops the timers of objects with a time to live, and makes every later
// operation fail as on a storage that cannot be reached. With files it returns when everything is on the
// disk. It does not wait for the watches'
// goroutines, which end as soon as they see it. Closing twice does nothing.
func (b *Backend) Close() {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return
	}
	b.closed = true
	var timers []clock.Timer
	for _, t := range b.tables {
		for _, timer := range t.timers {
			timers = append(timers, timer)
		}
		clear(t.timers)
	}
	b.mu.Unlock()
	close(b.done)
	for _, timer := range timers {
		timer.Stop()
	}
	if b.journal != nil {
		b.journal.close()
	}
}

// Revision returns the revision of the newest change of any resource.
func (b *Backend) Revision() uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.revision
}

// Compact drops the history of every resource up to and including revision, as an etcd compaction:
// lists and watches from before it get 410 Expired. A revision above the newest counts as the newest.
// The history is bounded without it; it serves to provoke what clients must cope with.
func (b *Backend) Compact(revision uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.compactLocked(min(revision, b.revision))
}

// compactLocked is Compact with mu held.
func (b *Backend) compactLocked(revision uint64) {
	b.compacted = max(b.compacted, revision)
	for _, t := range b.tables {
		t.compact(revision)
	}
}

// newStore returns the storage of the resource under resourcePrefix. Stores with the same prefix
// share their data.
func (b *Backend) newStore(codec runtime.Codec, resourcePrefix string, resource schema.GroupResource, newFunc func() runtime.Object) (*store, error) {
	if codec == nil {
		return nil, fmt.Errorf("resource %s has no codec: give the RESTOptionsGetter one that encodes it", resource)
	}
	prefix := strings.Trim(resourcePrefix, "/")
	if prefix == "" {
		return nil, fmt.Errorf("resource %s has the storage prefix %q, which names nothing: use one like \"/group/resource\"", resource, resourcePrefix)
	}
	prefix = "/" + prefix + "/"
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok := b.tables[prefix]
	if !ok {
		t = newTable(prefix, b.compacted)
		b.tables[prefix] = t
	}
	return &store{backend: b, table: t, codec: codec, newFunc: newFunc, resource: resource}, nil
}

// snapshot returns the newest tree of t and the database's revision at that moment.
func (b *Backend) snapshot(t *table, key string) (root *node, revision uint64, err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return nil, 0, storage.NewUnreachableError(key, 0)
	}
	return t.root, b.revision, nil
}

// change is a write that takes place if the key still holds prev.
type change struct {
	table *table
	key   string
	prev  *value // nil: the key must not exist
	next  *value // nil: delete
	ttl   uint64 // in seconds, 0 for ever
	// stamp puts the revision into the decoded form of next before any reader sees it.
	stamp func(revision uint64)
}

// commit does the change and returns its revision, or, if the key does not hold c.prev, what it
// holds instead with committed false.
func (b *Backend) commit(c change) (revision uint64, current *value, committed bool, err error) {
	var now time.Time
	if c.ttl > 0 {
		now = b.options.Clock.Now() // a clock may have a lock of its own
	}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return 0, nil, false, storage.NewUnreachableError(c.key, 0)
	}
	if current = c.table.root.get(c.key); current != c.prev {
		b.mu.Unlock()
		return 0, current, false, nil
	}
	b.revision++
	revision = b.revision
	if c.next != nil {
		c.next.rev = revision
		if c.ttl > 0 {
			c.next.expires = now.Add(time.Duration(c.ttl) * time.Second).UnixNano()
		}
		if c.stamp != nil {
			c.stamp(revision)
		}
	}
	e := &event{rev: revision, key: c.key, prev: c.prev, next: c.next}
	c.table.apply(e, b.options)
	if b.journal != nil {
		b.journal.add(c.table, e)
	}
	timer := c.table.timers[c.key]
	delete(c.table.timers, c.key)
	wake := c.table.wake
	c.table.wake = make(chan struct{})
	b.mu.Unlock()

	close(wake)
	if timer != nil {
		timer.Stop()
	}
	if c.next != nil && c.ttl > 0 {
		b.expireLater(c, time.Duration(c.ttl)*time.Second)
	}
	return revision, c.next, true, nil
}

// expireLater deletes the value that c wrote after a time, unless the key holds something else by then.
func (b *Backend) expireLater(c change, after time.Duration) {
	expire := func() {
		// A conflict or a closed backend means that there is nothing left to expire.
		_, _, _, _ = b.commit(change{table: c.table, key: c.key, prev: c.next})
	}
	// A clock may run the function under its own lock, and commit calls the clock.
	timer := b.options.Clock.AfterFunc(after, func() { go expire() })
	b.mu.Lock()
	armed := !b.closed && c.table.root.get(c.key) == c.next
	if armed {
		c.table.timers[c.key] = timer
	}
	b.mu.Unlock()
	if !armed {
		timer.Stop()
	}
}
