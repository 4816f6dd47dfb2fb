package footprint

import (
	"os"
	"runtime"
	"runtime/debug"
)

// startPercent is the GOGC of a start. Go's smallest heap is 4 MiB where GOGC is 100, and grows with it: the first
// garbage is collected when the heap has startHeap.
const startPercent = 100 * startHeap / (4 << 20)

// startHeap is more than a start with some APIServices makes.
const startHeap = 96 << 20

// An import of this package is enough, and it has to be: a third of what a start makes is made by the packages that
// main imports, before main begins. Their names sort behind this one's, and so does their initialization.
func init() { collectLate() }

// collectLate puts the first collection of garbage off until the heap has startHeap, or somebody asks for one; those
// that follow are as they were. Where the environment sets GOGC or GOMEMLIMIT, it changes nothing.
func collectLate() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	before := debug.SetGCPercent(startPercent)
	// What nobody refers to is cleaned up after the first collection.
	runtime.AddCleanup(new([2]uintptr), func(percent int) { debug.SetGCPercent(percent) }, before)
}
