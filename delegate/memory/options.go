package memory

import (
	"time"

	"k8s.io/utils/clock"
)

const (
	defaultHistoryLimit     = 10_000
	defaultHistoryBytes     = 64 << 20
	defaultWatchBuffer      = 100
	defaultBookmarkInterval = time.Minute
)

// Options are the limits of a [Backend]. The zero value of every field means its default.
type Options struct {
	// HistoryLimit is how many events are kept for each resource prefix. Watches that start from an
	// older resourceVersion, watches that fall further behind, and lists at an older revision get
	// 410 Expired. Default 10000.
	HistoryLimit int

	// HistoryBytes bounds the encoded size of the events kept for each resource prefix, so that
	// large objects that change often do not fill the memory. The newest event is always kept.
	// Default 64 MiB.
	HistoryBytes int

	// WatchBuffer is how many events wait in the result channel of one watcher. Further events wait
	// in the shared history and cost nothing for each watcher; a watcher that needs an event which
	// the history has dropped is ended with a 410 error event. Default 100, as etcd3's watcher.
	WatchBuffer int

	// BookmarkInterval is the time between two bookmarks on a watch that allows them. One more
	// bookmark is sent two seconds before the watch's deadline. Default 1 minute, as the watch cache.
	BookmarkInterval time.Duration

	// ShareEncoding makes the objects of live watch events runtime.CacheableObject, as the watch
	// cache does: each event is encoded once for each negotiated encoder instead of once for each
	// watcher. The HTTP handlers of k8s.io/apiserver understand such objects. A watch that is read in
	// the process has to unwrap them with [Object]. The encodings of the newest 512 events of
	// each resource prefix are kept. Default false: every event carries a private copy of the plain object.
	ShareEncoding bool

	// FirstRevision is the revision of the empty database. Nothing before it is known: watches and lists
	// at an older resourceVersion get 410 Expired. Default the time in microseconds since 1970, so that
	// a process that starts again is always ahead of its former self, and clients which lived through
	// that learn that they must list anew. An empty etcd is at 1.
	FirstRevision uint64

	// Clock tells the time for the first revision, bookmarks and time-to-live. Default the real clock.
	Clock clock.WithDelayedExecution
}

// withDefaults returns the options with every unset field at its default.
func (o Options) withDefaults() Options {
	if o.HistoryLimit <= 0 {
		o.HistoryLimit = defaultHistoryLimit
	}
	if o.HistoryBytes <= 0 {
		o.HistoryBytes = defaultHistoryBytes
	}
	if o.WatchBuffer <= 0 {
		o.WatchBuffer = defaultWatchBuffer
	}
	if o.BookmarkInterval <= 0 {
		o.BookmarkInterval = defaultBookmarkInterval
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.FirstRevision == 0 {
		o.FirstRevision = uint64(max(o.Clock.Now().UnixMicro(), 1))
	}
	return o
}
