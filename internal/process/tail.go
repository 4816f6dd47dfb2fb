package process

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

const (
	tailLines = 1000
	tailBytes = 64 << 10
)

// tail keeps the newest of what is written, and passes all of it on.
type tail struct {
	mu   sync.Mutex
	kept []byte
	next io.Writer
}

// Write keeps b. It never fails: who writes would be ended by it.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next != nil {
		if _, err := t.next.Write(b); err != nil {
			t.next = nil
		}
	}
	t.kept = append(t.kept, b...)
	// Only now and then, lest each line move all others.
	if len(t.kept) > 2*tailBytes {
		cut := t.kept[len(t.kept)-tailBytes:]
		if i := bytes.IndexByte(cut, '\n'); i >= 0 {
			cut = cut[i+1:]
		}
		t.kept = append(t.kept[:0], cut...)
	}
	return len(b), nil
}

// String is the newest lines.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimRight(string(t.kept), "\r\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
