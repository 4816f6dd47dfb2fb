package footprint

import (
	"context"
	"testing"
	"time"
)

func TestSettleEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	Settle(ctx, time.Hour)
	Settle(t.Context(), time.Millisecond, time.Millisecond)
}
