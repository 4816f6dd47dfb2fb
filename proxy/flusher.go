package proxy

import (
	"net/http"
	"sync"
	"time"
)

// flusher writes an answer's body and flushes it as ReverseProxy does: at once where the length is not known, else
// after flushInterval. It starts no timer for bytes that end an answer, which the server sends by itself, nor for the
// headers of a short one, whose body comes with them.
type flusher struct {
	w    http.ResponseWriter
	left int64 // bytes to come; negative if that is not known

	mu      sync.Mutex
	timer   *time.Timer
	pending bool
}

// short is the length up to which an answer is sent in one piece by who has it: net/http's own buffer.
const short = 4 << 10

// start sees to it that the headers go out.
func (f *flusher) start() {
	if f.left >= 0 && f.left <= short {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = true
	switch {
	case f.left < 0:
		// Not before an answer that is empty has ended: it gets its length then.
		f.timer = time.AfterFunc(0, f.late)
	default:
		f.timer = time.AfterFunc(flushInterval, f.late)
	}
}

// Write implements io.Writer.
func (f *flusher) Write(p []byte) (int, error) {
	if f.left < 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		n, err := f.w.Write(p)
		f.pending = false
		f.flush()
		return n, err
	}
	f.left -= int64(len(p))
	if f.left <= 0 && f.timer == nil {
		return f.w.Write(p)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.w.Write(p)
	if f.pending {
		return n, err
	}
	f.pending = true
	if f.timer == nil {
		f.timer = time.AfterFunc(flushInterval, f.late)
	} else {
		f.timer.Reset(flushInterval)
	}
	return n, err
}

func (f *flusher) late() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pending {
		f.pending = false
		f.flush()
	}
}

func (f *flusher) stop() {
	if f.timer == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = false
	f.timer.Stop()
}

func (f *flusher) flush() {
	_ = http.NewResponseController(f.w).Flush() // not every writer can
}
