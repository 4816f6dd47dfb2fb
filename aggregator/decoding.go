package aggregator

import (
	"context"
	"runtime"
)

// decoding bounds how many documents are decoded at one time: decoded, one takes ten times its length, and more at once
// than there are processors are ready no sooner. It is safe for concurrent use.
type decoding chan struct{}

func newDecoding() decoding { return make(decoding, runtime.GOMAXPROCS(0)) }

// begin waits for its turn. The error is that of ctx.
func (d decoding) begin(ctx context.Context) error {
	select {
	case d <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d decoding) end() { <-d }
