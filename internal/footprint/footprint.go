// Package footprint makes a process start fast, stay small, and use no more processors than it needs.
//
// A Go process collects garbage most often while its heap is small, which is when it starts and nearly all that it
// makes is there to stay; what only its start needed stays resident for minutes; and it wakes threads up for work that
// is done before they run. This package changes settings of the whole process: it is for main packages.
package footprint

import (
	"context"
	"runtime/debug"
	"time"
)

// Settle gives the memory that the process does not use back to the system, whenever the process is quiet and has
// grown: garbage, and the parts of the program itself that nothing runs any more. They are read again when they are
// needed, from the page cache. It returns when ctx ends.
func Settle(ctx context.Context) {
	last := look()
	var settled usage
	var at time.Time
	for sleep(ctx, lookEach) {
		now := look()
		if now.restless(last, lookEach) || !now.grown(settled, time.Since(at)) {
			last = now
			continue
		}
		giveBack()
		settled, at = look(), time.Now()
		last = settled
	}
}

// lookEach is the time between two looks at what the process uses, which take some microseconds.
const lookEach = time.Second

// usage is what the process uses of the system.
type usage struct {
	// resident is the memory that is no file's, in bytes; 0 where the system does not tell. What is used of the program
	// itself comes back within seconds.
	resident int64
	// cpu is the time of all processors since the process began.
	cpu time.Duration
}

// restless tells whether the process used more than a tenth of a processor since before, which is d ago: to look for
// garbage would take time from what it does.
func (u usage) restless(before usage, d time.Duration) bool { return u.cpu-before.cpu > d/10 }

// grown tells whether so much was added to what was left some time ago that it is worth looking through all of it:
// half as much, as a burst of work does, or an eighth in settledFor.
func (u usage) grown(left usage, ago time.Duration) bool {
	added := u.resident - left.resident
	return added > max(leastGrowth, left.resident/2) || ago >= settledFor && added > max(leastGrowth, left.resident/8)
}

// settledFor is how long a process is left alone that adds little.
const settledFor = 30 * time.Second

// leastGrowth is the garbage of a process at rest in some twenty seconds.
const leastGrowth = 4 << 20

func giveBack() {
	debug.FreeOSMemory()
	dropProgram()
}

// sleep waits for d, and tells whether it came to its end before ctx did.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
