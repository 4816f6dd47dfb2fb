package footprint

import (
	"context"
	"runtime/debug"
	"testing"
	"time"
)

// Not in parallel: the setting is the process's.
func TestStartingIsUndoneOnce(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	percent := func() int {
		now := debug.SetGCPercent(-1)
		debug.SetGCPercent(now)
		return now
	}
	before := percent()
	started := Starting()
	if got := percent(); got != startPercent {
		t.Errorf("while it starts GOGC is %d, want %d", got, startPercent)
	}
	started()
	if got := percent(); got != before {
		t.Errorf("after the start GOGC is %d, want %d", got, before)
	}
	debug.SetGCPercent(70)
	started()
	if got := percent(); got != 70 {
		t.Errorf("the second call sets GOGC to %d", got)
	}
	debug.SetGCPercent(before)
	t.Setenv("GOGC", "50")
	Starting()
	if got := percent(); got != before {
		t.Errorf("GOGC in the environment, and it is %d", got)
	}
}

func TestSettleEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	Settle(ctx, time.Hour)
	Settle(t.Context(), time.Millisecond, time.Millisecond)
}
