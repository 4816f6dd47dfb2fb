package footprint

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// startHeap is more than a start makes that has few APIServices: the first garbage is collected when the heap has
	// it. startPercent is the GOGC that does so, as Go's smallest heap is 4 MiB where GOGC is 100, and grows with it.
	startHeap    = 64 << 20
	startPercent = 100 * startHeap / (4 << 20)

	// room is what may be allocated between two collections in bytes, within the least and the most that it may be in
	// percent of what is in use. Go's own GOGC of 100, which is the least, collects often while little is in use, which
	// is while requests are proxied.
	room         = 36 << 20
	leastPercent = 100
	mostPercent  = 400
)

// An import of this package is enough, and it has to be: a third of what a start makes is made by the packages that
// main imports, before main begins. Their names sort behind this one's, and so does their initialization.
func init() {
	if !paced() {
		collectLate()
	}
}

// paced tells whether the environment says how to collect garbage.
func paced() bool { return os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" }

// collectLate puts the first collection of garbage off until the heap has startHeap, or somebody asks for one. Those
// that follow come when there is no more room.
func collectLate() {
	debug.SetGCPercent(startPercent)
	afterCollection(startPercent)
}

// Started gives back the parts of the program that have run: a start runs most of those that nothing runs again. The
// start's own pace of collections ends with the first of them.
func Started() {
	dropProgram()
	if !paced() {
		go endStart()
	}
}

// endStart sets the pace as soon as garbage was collected once. A cleanup is too late to do so where all processors are
// busy: it runs when the collection's last work is done, which may be at the next one.
func endStart() {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for liveHeap() == 0 {
		<-tick.C
	}
	debug.SetGCPercent(percentOf(liveHeap()))
}

// afterCollection has the pace set anew after each collection; current is the GOGC that is set.
func afterCollection(current int) {
	// What nobody refers to is cleaned up after the next collection.
	runtime.AddCleanup(new([2]uintptr), func(current int) {
		if next := percentOf(liveHeap()); next != current {
			debug.SetGCPercent(next)
			current = next
		}
		afterCollection(current)
	}, current)
}

// percentOf is the GOGC that leaves room above what is in use, in steps of a quarter.
func percentOf(live uint64) int {
	const step = 25
	percent := int(min(100*room/max(live, 1), mostPercent))
	return max(percent-percent%step, leastPercent)
}

func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
