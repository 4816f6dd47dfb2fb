package aggregator

import (
	"testing"
	"time"
)

// All backends together cost less the more they are, and one of few waits no
// longer than it would alone.
func TestCrowd(t *testing.T) {
	t.Parallel()
	near := func(what string, got, want time.Duration) {
		t.Helper()
		if got < want-want/8 || got > want+want/8 {
			t.Errorf("%s: %v, not near %v", what, got, want)
		}
	}
	var nobody *crowd
	near("nobody", nobody.regular(time.Second)+nobody.retry(time.Second), 2*time.Second)
	for _, row := range []struct {
		all, down      int64
		regular, retry time.Duration
	}{
		{1, 1, time.Second, 250 * time.Millisecond},
		{sparse, 25, time.Second, 250 * time.Millisecond},
		{200, 100, 4 * time.Second, time.Second},
		{1000, 1000, time.Minute, 10 * time.Second},
		{100_000, 100_000, time.Minute, time.Minute},
	} {
		c := &crowd{}
		c.all.Store(row.all)
		c.down.Store(row.down)
		near("regular", c.regular(time.Second), row.regular)
		near("retry", c.retry(250*time.Millisecond), row.retry)
		if c.crowded() != (row.all > sparse) {
			t.Errorf("%d backends: crowded is %v", row.all, c.crowded())
		}
	}
	if c := (&crowd{}); c.regular(time.Second) != time.Second || c.retry(time.Second) != time.Second {
		t.Error("an empty crowd should wait exactly as one alone")
	}
	big := &crowd{}
	big.all.Store(1000)
	w := waiter{intervals: intervals{regular: time.Hour}, crowd: big}
	near("what is rare already", w.next(false, 0), time.Hour)
}
