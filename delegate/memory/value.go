package memory

import (
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime"
)

// value is what a key holds from one revision to the next. rev, data and expires never change
// once the value is in a tree.
type value struct {
	rev  uint64
	data []byte
	// expires is when its time to live ends, in nanoseconds since 1970; 0 for never.
	expires int64
	// forms caches data decoded by each store: several stores with different codecs can share a
	// resource prefix, as the versions of a CustomResourceDefinition do. The objects carry the
	// resource version and are never changed.
	forms perStore[runtime.Object]
}

// formsLimit bounds how many stores' entries one perStore keeps; a store beyond it takes the place of
// the oldest, and the only cost is that the entry is made again.
const formsLimit = 4

// perStore caches one entry for each store. It is safe for concurrent use; two stores that add at
// the same time may lose one of the entries, which is then made again.
type perStore[T any] struct {
	entries atomic.Pointer[[]storeEntry[T]]
}

type storeEntry[T any] struct {
	store *store
	entry T
}

func (p *perStore[T]) get(s *store) (T, bool) {
	if entries := p.entries.Load(); entries != nil {
		for i := range *entries {
			if (*entries)[i].store == s {
				return (*entries)[i].entry, true
			}
		}
	}
	var none T
	return none, false
}

// add caches entry unless s has one by now, and returns the one that is cached for s.
func (p *perStore[T]) add(s *store, entry T) T {
	for {
		old := p.entries.Load()
		next := []storeEntry[T]{{store: s, entry: entry}}
		if old != nil {
			if i := slices.IndexFunc(*old, func(e storeEntry[T]) bool { return e.store == s }); i >= 0 {
				return (*old)[i].entry
			}
			next = append(next, (*old)[:min(len(*old), formsLimit-1)]...)
		}
		if p.entries.CompareAndSwap(old, &next) {
			return entry
		}
	}
}
