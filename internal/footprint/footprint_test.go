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
	Settle(ctx)
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	Settle(ctx)
	if ctx.Err() == nil {
		t.Error("it ended before its context")
	}
}

func TestWhenMemoryIsGivenBack(t *testing.T) {
	t.Parallel()
	const mega = 1 << 20
	for _, c := range []struct {
		name            string
		resident, left  int64
		grown, restless bool
		cpu, ago        time.Duration
	}{
		{name: "as it was left", resident: 50 * mega, left: 50 * mega},
		{name: "little more", resident: 55 * mega, left: 50 * mega},
		{name: "more", resident: 57 * mega, left: 50 * mega, grown: true},
		{name: "a small process", resident: 14 * mega, left: 10 * mega},
		{name: "less", resident: 40 * mega, left: 50 * mega},
		{name: "more so soon", resident: 57 * mega, left: 50 * mega, ago: settledFor - 1},
		{name: "half as much again so soon", resident: 76 * mega, left: 50 * mega, ago: 1, grown: true},
		{name: "as much more of a large one", resident: 1007 * mega, left: 1000 * mega},
		{name: "an eighth more of a large one", resident: 1126 * mega, left: 1000 * mega, grown: true},
		{name: "the system tells nothing"},
		{name: "quiet", cpu: 900 * time.Millisecond},
		{name: "at work", cpu: 1100 * time.Millisecond, restless: true},
	} {
		now := usage{resident: c.resident, cpu: time.Minute + c.cpu}
		if c.ago == 0 {
			c.ago = settledFor
		}
		if got := now.grown(usage{resident: c.left}, c.ago); got != c.grown {
			t.Errorf("%s: grown is %t", c.name, got)
		}
		if got := now.restless(usage{cpu: time.Minute}, 10*time.Second); got != c.restless {
			t.Errorf("%s: restless is %t", c.name, got)
		}
	}
}
