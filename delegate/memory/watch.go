package memory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
	"k8s.io/utils/clock"
)

const (
	// batchSize is how many events a watch takes from the history at once.
	batchSize = 64
	// lastBookmarkBefore is how long before its deadline a watch gets its last bookmark, as from the
	// watch cache: a client that starts again from there has nothing to catch up.
	lastBookmarkBefore = 2 * time.Second
	// tooLargeRetrySeconds tells a client when to ask again for a revision that is yet to come.
	tooLargeRetrySeconds = 1
)

// errEnded ends a watch without an error event: its caller, its deadline or the backend ended it.
var errEnded = errors.New("the watch has ended")

// watcher is one watch. Its goroutine reads the table's history at the pace at which out is read.
type watcher struct {
	store     *store
	key       string
	recursive bool
	pred      storage.SelectionPredicate
	out       chan watch.Event
	cancel    context.CancelFunc

	// What follows belongs to the goroutine of run.

	cursor    uint64 // the number of the next event to look at
	revision  uint64 // up to here everything was delivered
	bookmarks bool   // whether regular bookmarks are wanted
	notify    bool   // whether requested progress notifications are wanted
}

// beginning is what a watch delivers before the events.
type beginning struct {
	initial     *node // whose objects are sent as ADDED
	endBookmark bool  // whether their end is marked
	failure     error // an error event instead of all else
}

// Watch implements storage.Interface. An error of the history (410) or a revision that is yet to come
// arrives as an error event, as from etcd3 and the watch cache. ListOptions.RecordTimestamps is
// ignored: it serves a watch cache, and there is none above this storage.
func (s *store) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	key, err := s.prepareKey(key, opts.Recursive)
	if err != nil {
		return nil, err
	}
	revision, err := s.versioner.ParseResourceVersion(opts.ResourceVersion)
	if err != nil {
		return nil, err
	}
	if opts.ProgressNotify && s.newFunc == nil {
		return nil, apierrors.NewInternalError(fmt.Errorf("progress notifications of %s need a function that makes an empty object", s.resource))
	}
	w := &watcher{
		store: s, key: key, recursive: opts.Recursive, pred: opts.Predicate,
		out:       make(chan watch.Event, s.backend.options.WatchBuffer),
		bookmarks: (opts.Predicate.AllowWatchBookmarks || opts.ProgressNotify) && s.newFunc != nil,
		notify:    opts.ProgressNotify,
	}
	begin, err := w.begin(revision, opts)
	if err != nil {
		return nil, err
	}
	ctx, w.cancel = context.WithCancel(ctx)
	go w.run(ctx, begin)
	return w, nil
}

// begin finds where in the history the watch starts.
func (w *watcher) begin(revision uint64, opts storage.ListOptions) (beginning, error) {
	b, t := w.store.backend, w.store.table
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return beginning{}, storage.NewUnreachableError(w.key, 0)
	}
	legacy := opts.SendInitialEvents == nil && revision == 0
	wanted := opts.SendInitialEvents != nil && *opts.SendInitialEvents
	switch {
	case legacy || wanted:
		if revision > b.revision {
			return beginning{failure: storage.NewTooLargeResourceVersionError(revision, b.revision, tooLargeRetrySeconds)}, nil
		}
		w.cursor, w.revision = t.after(b.revision), b.revision
		return beginning{initial: t.root, endBookmark: wanted && opts.Predicate.AllowWatchBookmarks && w.bookmarks}, nil
	case revision == 0:
		w.cursor, w.revision = t.after(b.revision), b.revision
	case revision < max(t.compacted, b.gapEnd(revision)):
		return beginning{failure: tooOldError(revision, max(t.compacted, b.gapEnd(revision)))}, nil
	default:
		w.cursor, w.revision = t.after(revision), revision
	}
	return beginning{}, nil
}

// tooOldError is the 410 of a watch whose next event the history has dropped, in the watch cache's words.
func tooOldError(revision, compacted uint64) error {
	return apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", revision, compacted))
}

// Stop implements watch.Interface. Events that wait in the result channel can still be read from it.
func (w *watcher) Stop() { w.cancel() }

// ResultChan implements watch.Interface. The channel is closed when the watch has ended.
func (w *watcher) ResultChan() <-chan watch.Event { return w.out }

func (w *watcher) run(ctx context.Context, begin beginning) {
	defer close(w.out)
	defer w.cancel()
	err := w.sendInitial(ctx, begin)
	utilflowcontrol.WatchInitialized(ctx)
	if err == nil {
		err = w.follow(ctx)
	}
	if !errors.Is(err, errEnded) {
		// The reader may have gone: then there is nobody to tell.
		_ = w.send(ctx, errorEvent(err))
	}
}

// send waits for room in the result channel. Only the watch's own goroutine ever waits here.
func (w *watcher) send(ctx context.Context, e watch.Event) error {
	if ctx.Err() != nil {
		return errEnded
	}
	select {
	case w.out <- e:
		return nil
	case <-ctx.Done():
	case <-w.store.backend.done:
	}
	return errEnded
}

func (w *watcher) sendInitial(ctx context.Context, begin beginning) error {
	if begin.failure != nil {
		return begin.failure
	}
	to := w.key + "\x00"
	if w.recursive {
		to = prefixEnd(w.key)
	}
	var err error
	begin.initial.ascend(w.key, to, func(_ string, v *value) bool {
		var e watch.Event
		var matched bool
		if e, matched, err = w.initialEvent(v); err == nil && matched {
			err = w.send(ctx, e)
		}
		return err == nil
	})
	if err == nil && begin.endBookmark {
		err = w.sendBookmark(ctx, true)
	}
	return err
}

// follow delivers events until the watch ends.
func (w *watcher) follow(ctx context.Context) error {
	timer := w.bookmarkTimer(ctx)
	var tick <-chan time.Time
	if timer != nil {
		defer timer.Stop()
		tick = timer.C()
	}
	buffer := make([]*event, batchSize)
	progress, due := uint64(0), false
	for first := true; ; first = false {
		page := w.store.backend.page(w.store.table, w.cursor, buffer)
		if page.expired {
			return tooOldError(w.revision, page.compacted)
		}
		if !first && w.notify && page.progress != progress {
			due = true
		}
		progress = page.progress
		if err := w.deliver(ctx, page); err != nil {
			return err
		}
		clear(page.events)                      // a watch that waits must not keep old events from being collected
		if due && w.revision <= page.revision { // never ahead of the database
			due = false
			if err := w.sendBookmark(ctx, false); err != nil {
				return err
			}
		}
		if len(page.events) > 0 {
			// The tick counts on a busy watch as well, which never waits below.
			select {
			case <-tick:
				due = true
				timer.Reset(w.untilBookmark(ctx))
			default:
			}
			continue
		}
		select {
		case <-page.wake:
		case <-tick:
			due = true
			timer.Reset(w.untilBookmark(ctx))
		case <-ctx.Done():
			return errEnded
		case <-w.store.backend.done:
			return errEnded
		}
	}
}

// deliver sends what of the page matches and moves on behind it.
func (w *watcher) deliver(ctx context.Context, page historyPage) error {
	for _, e := range page.events {
		w.cursor++
		if e.rev <= w.revision { // the watch asked for a revision that was yet to come
			continue
		}
		if w.covers(e.key) {
			out, matched, err := w.transform(e)
			if err != nil {
				return err
			}
			if matched {
				if err := w.send(ctx, out); err != nil {
					return err
				}
			}
		}
		w.revision = e.rev
	}
	if len(page.events) == 0 {
		w.revision = max(w.revision, page.revision)
	}
	return nil
}

func (w *watcher) covers(key string) bool {
	if w.recursive {
		return strings.HasPrefix(key, w.key)
	}
	return key == w.key
}

// bookmarkTimer returns the timer of the first bookmark, or nil if the watch wants none.
func (w *watcher) bookmarkTimer(ctx context.Context) clock.Timer {
	if !w.bookmarks {
		return nil
	}
	return w.store.backend.options.Clock.NewTimer(w.untilBookmark(ctx))
}

func (w *watcher) untilBookmark(ctx context.Context) time.Duration {
	wait := w.store.backend.options.BookmarkInterval
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline) - lastBookmarkBefore; left > 0 {
			wait = min(wait, left)
		}
	}
	return wait
}

// historyPage is what a watch sees of the history at one moment.
type historyPage struct {
	events    []*event
	expired   bool   // the next event is not there any more
	compacted uint64 // the revision up to which it is not
	revision  uint64 // of the database: with no events, everything up to here was seen
	progress  uint64
	wake      <-chan struct{}
}

// page copies the events from number cursor on into buffer, as many as it holds.
func (b *Backend) page(t *table, cursor uint64, buffer []*event) historyPage {
	b.mu.RLock()
	defer b.mu.RUnlock()
	p := historyPage{compacted: t.compacted, revision: b.revision, progress: t.progress, wake: t.wake}
	if cursor < t.dropped {
		p.expired = true
		return p
	}
	p.events = buffer[:copy(buffer, t.events[cursor-t.dropped:])]
	return p
}
