package manifest

import (
	"context"
)

// stream is what was read from a name that can be read but once.
type stream struct {
	data []byte
	err  *Error
}

// readStreams reads the streams among entries that were not read yet. false means that ctx ended first:
// a terminal or a pipe may stay open for ever. Its reader is left behind then, and what it reads is lost.
func (t *tracker) readStreams(ctx context.Context, entries []entry) bool {
	for _, e := range entries {
		known, ok := t.streams[e.name]
		if !e.once || ok && known.err == nil {
			continue
		}
		done := make(chan stream, 1)
		go func() {
			data, err := read(e.name, t.stdin)
			done <- stream{data, err}
		}()
		select {
		case t.streams[e.name] = <-done:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
