// Package bounds is for fuzz tests: it holds a decoder to time and memory in proportion to its input. It never
// stops what it measures.
package bounds

import (
	"runtime"
	"testing"
	"time"
)

const (
	// fixedBytes and fixedTime are what any input may cost: a first call fills caches, and a loaded machine stops
	// processes for seconds.
	fixedBytes = 64 << 20
	fixedTime  = 20 * time.Second
	// bytesPerByte is what a byte of input may cost. kube-openapi makes a structure of nearly a thousand bytes of
	// an empty schema, `"":{},`, and encoding and comparing it again makes that a few times more.
	bytesPerByte = 20_000
)

// Check runs f, and fails the test when f took more time or allocated more than an input of that size deserves. What
// other goroutines allocate counts too, so that it is of no use in a parallel test.
func Check(t testing.TB, size int, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if allowed := fixedBytes + bytesPerByte*uint64(size); after.TotalAlloc-before.TotalAlloc > allowed {
		t.Errorf("an input of %d bytes allocated %d bytes, more than %d", size, after.TotalAlloc-before.TotalAlloc, allowed)
	}
	if took > fixedTime {
		t.Errorf("an input of %d bytes took %s, longer than %s", size, took, fixedTime)
	}
}
