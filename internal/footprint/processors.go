package footprint

import (
	"context"
	"os"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	// lookAtLoad is the time between looks at what the process does, which take some microseconds.
	lookAtLoad = 50 * time.Millisecond
	// long is how long a goroutine that could run waits for its turn where another processor would have helped it.
	// Sixteen requests that are proxied at once hand a processor on every few microseconds, and wait for so long only
	// when the system takes it away, which does so for some 3 ms; what computes keeps it for 10 ms.
	long = 4 * time.Millisecond
	// crowd is how many goroutines wait for long, in the mean of about the last second, where one processor is too few:
	// one of them a few times a second, as where lists of some thousand objects are asked for between small requests.
	crowd, meanOver = 0.05, time.Second
	// spare is the share of one processor that a process uses for which one may be enough, and full that for which it
	// is not. A quarter of what several are used for by requests that are proxied is spent on looking for work.
	spare, full = 1.0, 0.95
	// patience is how long a process uses no more than that before it is left with one processor, and mostPatience
	// that of a process for which one has soon been too few again and again; trial is what is soon.
	patience, mostPatience, trial = time.Second, 30 * time.Second, 2 * time.Second
)

// Concentrate has the process run on one processor while that is enough for what it does, and on all that it may use
// (runtime.SetDefaultGOMAXPROCS) otherwise: while it is busy all the time, or goroutines wait for it for long. A proxied
// request is handed from goroutine to goroutine some thirty times; on several processors that have little to do many of
// these wake a thread, which takes longer and costs more than what the goroutine then does. It returns when ctx ends,
// and at once where the environment says how many processors to use (GOMAXPROCS), there is but one, or the system does
// not tell what the process uses.
func Concentrate(ctx context.Context) {
	if os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 || processorTime() == 0 {
		return
	}
	defer runtime.SetDefaultGOMAXPROCS()
	c := concentration{patience: patience}
	m := newLoadMeter()
	last, at := m.look(), time.Now()
	for sleep(ctx, lookAtLoad) {
		next, now := m.look(), time.Now()
		before := c.one
		c.look(next.since(last), now.Sub(at))
		last, at = next, now
		switch {
		case c.one && !before:
			runtime.GOMAXPROCS(1)
		case !c.one && before:
			runtime.SetDefaultGOMAXPROCS()
		}
	}
}

// load is what the process did since it began.
type load struct {
	// used is the time of processors, and waited that of all goroutines which could run and waited for long.
	used, waited time.Duration
}

func (l load) since(before load) load { return load{l.used - before.used, l.waited - before.waited} }

// loadMeter asks the system and Go. It keeps what Go answers into, so that a look makes no garbage.
type loadMeter struct{ sample []metrics.Sample }

func newLoadMeter() loadMeter {
	return loadMeter{[]metrics.Sample{{Name: "/sched/latencies:seconds"}}}
}

func (m loadMeter) look() load {
	metrics.Read(m.sample)
	return load{used: processorTime(), waited: total(m.sample[0].Value.Float64Histogram())}
}

// measuredOf is of how many waits Go measures one (gTrackingPeriod in its runtime).
const measuredOf = 8

// total is the sum of the long ones of what was measured, each taken for the shortest of its bucket.
func total(waits *metrics.Float64Histogram) time.Duration {
	seconds := 0.0
	for i, count := range waits.Counts {
		if shortest := waits.Buckets[i]; shortest >= long.Seconds() {
			seconds += float64(count) * shortest
		}
	}
	return time.Duration(measuredOf * seconds * float64(time.Second))
}

// concentration decides between one processor and all.
type concentration struct {
	one bool
	// patience is how long the process has to have had little to do; it had for calm, or was on one processor for trial.
	patience, calm, trial time.Duration
	// crowd is how many goroutines wait for long, in the mean.
	crowd float64
}

// look takes in what the process did in the time since the last look.
func (c *concentration) look(l load, elapsed time.Duration) {
	of := func(d time.Duration) float64 { return float64(d) / float64(max(elapsed, 1)) }
	c.crowd += (of(l.waited) - c.crowd) * min(1, float64(elapsed)/float64(meanOver))
	switch {
	case c.one && (of(l.used) > full || c.crowd > crowd):
		c.one, c.calm, c.crowd = false, 0, 0
		if c.trial < trial {
			c.patience = min(2*c.patience, mostPatience)
		} else {
			c.patience = patience
		}
	case c.one:
		c.trial += elapsed
	case of(l.used) > spare, c.crowd > crowd:
		// One that has to share the processors with other processes uses little, however much it has to do.
		c.calm = 0
	default:
		c.calm += elapsed
		c.one, c.trial = c.calm >= c.patience, 0
	}
}
