package proxy

import (
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// flusher writes an answer's body and flushes it as ReverseProxy does: at once where the length is not known, else
// flushInterval after its headers or bytes came, unless the answer has ended by then.
type flusher struct {
	w      http.ResponseWriter
	queue  *flushQueue
	length int64 // negative if it is not known

	mu      sync.Mutex // of the writer
	pending atomic.Bool
	soon    *time.Timer // of the headers of an answer whose length is not known
}

// start sees to it that the headers go out.
func (f *flusher) start() {
	switch {
	case f.length < 0:
		f.pending.Store(true)
		// Not before an answer that is empty has ended: it gets its length then.
		f.soon = time.AfterFunc(0, f.late)
	case f.length > 0:
		f.pending.Store(true)
		f.queue.add(f)
	}
}

// Write implements io.Writer.
func (f *flusher) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.w.Write(p)
	if f.length < 0 {
		f.pending.Store(false)
		f.flush()
	} else if !f.pending.Swap(true) {
		f.queue.add(f)
	}
	return n, err
}

func (f *flusher) late() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending.Swap(false) {
		f.flush()
	}
}

// stop keeps the writer from being used any more.
func (f *flusher) stop() {
	if f.soon != nil {
		f.soon.Stop()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending.Store(false)
}

func (f *flusher) flush() {
	_ = http.NewResponseController(f.w).Flush() // not every writer can
}

// flushQueue are the answers that wait for flushInterval to pass, the first to come in front, so that one timer does
// for all: one of its own, which nearly every answer would stop, wakes a thread to wait for it. The zero value is
// empty. It is safe for concurrent use.
type flushQueue struct {
	mu      sync.Mutex
	timer   *time.Timer // nil while nobody waits
	waiting []waitingFlush
}

type waitingFlush struct {
	at time.Time
	of *flusher
}

func (q *flushQueue) add(f *flusher) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, waitingFlush{time.Now().Add(flushInterval), f})
	if q.timer == nil {
		q.timer = time.AfterFunc(flushInterval, q.expire)
	}
}

// expire flushes what still waits of those whose time has come.
func (q *flushQueue) expire() {
	q.mu.Lock()
	now, due := time.Now(), 0
	for due < len(q.waiting) && !now.Before(q.waiting[due].at) {
		due++
	}
	over := q.waiting[:due:due]
	if q.waiting = q.waiting[due:]; len(q.waiting) > 0 {
		q.timer.Reset(q.waiting[0].at.Sub(now))
	} else {
		q.waiting, q.timer = nil, nil
	}
	q.mu.Unlock()
	for _, w := range over {
		if w.of.pending.Load() {
			go w.of.late() // a client that does not read holds up its own answer alone
		}
	}
}
