package memory

import (
	"sort"

	"k8s.io/utils/clock"
)

// event is one change of one key. It never changes, but for its caches.
type event struct {
	rev  uint64
	key  string
	prev *value // nil: the key was created
	next *value // nil: the key was deleted
	root *node  // the tree after the change

	// shared are the objects that all watchers of a store get when encodings are shared, for the
	// state after the change and for the state before it.
	sharedNext, sharedPrev perStore[*sharedObject]
}

// size is what the event counts against Options.HistoryBytes.
func (e *event) size() int {
	size := 0
	if e.prev != nil {
		size += len(e.prev.data)
	}
	if e.next != nil {
		size += len(e.next.data)
	}
	return size
}

// sharedEvents is how many of the newest events keep the encodings that were made of them for watchers. A
// watcher that is further behind has them made anew.
const sharedEvents = 512

// table is the data of one resource prefix. Everything in it is guarded by the backend's mutex.
type table struct {
	prefix string
	root   *node
	bytes  int // of the live values

	// The history: events are the changes after the revision compacted, oldest first, and base is
	// the tree at that revision. dropped counts the events that were in the history and are not
	// now, so that dropped+i numbers events[i] for good.
	events       []*event
	historyBytes int
	dropped      uint64
	base         *node
	compacted    uint64

	// wake is closed and replaced at every change: watches wait for it.
	wake chan struct{}
	// progress counts the requests for progress notifications.
	progress uint64
	// timers end the keys that have a time to live.
	timers map[string]clock.Timer
}

func newTable(prefix string, compacted uint64) *table {
	return &table{prefix: prefix, compacted: compacted, wake: make(chan struct{}), timers: map[string]clock.Timer{}}
}

// apply makes a change the newest and drops what the history may not keep.
func (t *table) apply(e *event, o Options) {
	if e.next == nil {
		t.root = t.root.remove(e.key)
	} else {
		t.root = t.root.put(e.key, e.next)
		t.bytes += len(e.next.data)
	}
	if e.prev != nil {
		t.bytes -= len(e.prev.data)
	}
	e.root = t.root
	t.events = append(t.events, e)
	t.historyBytes += e.size()
	if i := len(t.events) - sharedEvents; i > 0 {
		t.events[i-1].sharedNext.entries.Store(nil)
		t.events[i-1].sharedPrev.entries.Store(nil)
	}
	for len(t.events) > o.HistoryLimit || (len(t.events) > 1 && t.historyBytes > o.HistoryBytes) {
		t.dropOldest()
	}
}

func (t *table) dropOldest() {
	oldest := t.events[0]
	t.base, t.compacted = oldest.root, oldest.rev
	t.historyBytes -= oldest.size()
	t.events[0] = nil // the array behind the slice must not keep it
	t.events = t.events[1:]
	t.dropped++
}

// compact drops the history up to and including revision.
func (t *table) compact(revision uint64) {
	for len(t.events) > 0 && t.events[0].rev <= revision {
		t.dropOldest()
	}
	t.compacted = max(t.compacted, revision)
}

// after returns the number of the first event with a revision above rev.
func (t *table) after(rev uint64) uint64 {
	i := sort.Search(len(t.events), func(i int) bool { return t.events[i].rev > rev })
	return t.dropped + uint64(i)
}

// at returns the tree at revision rev, which must not be below compacted.
func (t *table) at(rev uint64) *node {
	i := t.after(rev) - t.dropped
	if i == 0 {
		return t.base
	}
	return t.events[i-1].root
}
