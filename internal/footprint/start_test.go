package footprint

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func percent() int {
	now := debug.SetGCPercent(-1)
	debug.SetGCPercent(now)
	return now
}

// collectUntil collects garbage until GOGC is as wanted.
func collectUntil(t *testing.T, what string, wanted func(percent int) bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !wanted(percent()); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: GOGC is still %d", what, percent())
		}
		runtime.GC()
		runtime.Gosched() // the cleanup runs beside
	}
}

// The package's own import has begun what is looked at here. Not in parallel: the setting is the process's.
func TestCollectionsArePaced(t *testing.T) { //nolint:paralleltest // it looks at a setting of the process
	collectUntil(t, "after the start, with little in use", func(percent int) bool { return percent == mostPercent })
	kept := make([]byte, 4*room)
	collectUntil(t, "with much in use", func(percent int) bool { return percent == leastPercent })
	runtime.KeepAlive(kept)
	collectUntil(t, "when it is free again", func(percent int) bool { return percent == mostPercent })
}

func TestFirstCollectionIsLate(t *testing.T) { //nolint:paralleltest // it changes a setting of the process
	before := percent()
	defer collectUntil(t, "afterwards", func(percent int) bool { return percent == before })
	collectLate()
	if got := percent(); got != startPercent {
		t.Errorf("before the first collection GOGC is %d, want %d", got, startPercent)
	}
}

func TestPercentOf(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: mostPercent, 5 << 20: mostPercent, 20 << 20: 175, 25 << 20: 125, 41 << 20: leastPercent, 100 << 20: leastPercent, 1 << 40: leastPercent} {
		if got := percentOf(live); got != want {
			t.Errorf("%d MiB in use: GOGC %d, want %d", live>>20, got, want)
		}
	}
}

func TestEnvironmentIsHeeded(t *testing.T) { //nolint:paralleltest // it sets the environment
	for name, value := range map[string]string{"GOGC": "50", "GOMEMLIMIT": "1GiB"} {
		t.Setenv("GOGC", "")
		t.Setenv("GOMEMLIMIT", "")
		if paced() {
			t.Error("it is said to be paced by an environment that says nothing")
		}
		t.Setenv(name, value)
		if !paced() {
			t.Errorf("%s=%s is not heeded", name, value)
		}
	}
}
