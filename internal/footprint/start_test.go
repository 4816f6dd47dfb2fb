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

// collectUntil collects garbage until GOGC is no longer that of a start, and returns it.
func collectUntil(t *testing.T) int {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); percent() == startPercent; {
		runtime.GC() // that which runs already may have begun before
		if time.Now().After(deadline) {
			t.Fatal("collections do not end the start")
		}
		time.Sleep(time.Millisecond)
	}
	return percent()
}

// Not in parallel: the setting is the process's.
func TestFirstCollectionEndsTheStart(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	collectUntil(t) // the test's own start
	defer debug.SetGCPercent(debug.SetGCPercent(70))
	collectLate()
	if got := percent(); got != startPercent {
		t.Errorf("before the first collection GOGC is %d, want %d", got, startPercent)
	}
	if got := collectUntil(t); got != 70 {
		t.Errorf("after the first collection GOGC is %d, want 70", got)
	}
}

func TestEnvironmentIsHeeded(t *testing.T) {
	before := collectUntil(t)
	for name, value := range map[string]string{"GOGC": "50", "GOMEMLIMIT": "1GiB"} {
		t.Setenv("GOGC", "")
		t.Setenv("GOMEMLIMIT", "")
		t.Setenv(name, value)
		collectLate()
		if got := percent(); got != before {
			t.Errorf("with %s=%s GOGC is %d, want %d", name, value, got, before)
		}
	}
}
