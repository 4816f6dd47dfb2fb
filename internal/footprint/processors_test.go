package footprint

import (
	"context"
	"math"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"
)

func TestConcentration(t *testing.T) {
	t.Parallel()
	c := concentration{patience: patience}
	const second = time.Second
	for i, step := range []struct {
		used, waited, elapsed time.Duration
		one                   bool
	}{
		{used: 2 * second, elapsed: second},                 // a start
		{used: second * 6 / 10, elapsed: second / 2},        // too much for one
		{used: 0, elapsed: second / 2},                      // little, but not for long
		{used: second / 2, waited: second, elapsed: second}, // little, as other processes have the processors
		{used: second / 4, elapsed: second / 2},             // they had until a moment ago
		{used: second / 4, elapsed: second, one: true},
		{used: second / 2, waited: second / 50, elapsed: second, one: true}, // enough, and nobody waits
		{used: second / 2, waited: second / 50, elapsed: trial, one: true},  // for long enough
		{used: second / 10, elapsed: second / 10},                           // all of one: too few
		{used: second / 2, elapsed: second, one: true},                      // soon tried again
		{used: second / 10, waited: second, elapsed: second / 10},           // too few again
		{used: second / 2, elapsed: second},                                 // not tried so soon
		{used: second / 2, elapsed: second, one: true},                      // but later
		{used: second / 10, waited: second, elapsed: second / 10},           // too few again
		{used: second / 2, elapsed: 3 * second},                             // and later still
		{used: second / 2, elapsed: second, one: true},                      //
		{used: second / 2, elapsed: trial, one: true},                       // this time it was enough
		{used: second / 10, waited: second, elapsed: second / 10},           // until now
		{used: second / 2, elapsed: second, one: true},                      //
		{used: second / 2, waited: second / 5, elapsed: second},             // one waits while another computes in bursts
		{used: second / 2, elapsed: 2 * second, one: true},
		{used: 0, elapsed: 0, one: true},
	} {
		c.look(load{step.used, step.waited}, step.elapsed)
		if c.one != step.one {
			t.Errorf("step %d: on one processor is %t", i, c.one)
		}
	}
	for range 100 {
		c.look(load{waited: second}, second/10)
		c.look(load{}, mostPatience)
		if !c.one {
			t.Fatal("its patience is endless")
		}
	}
}

func TestTotalOfWaits(t *testing.T) {
	t.Parallel()
	waits := &metrics.Float64Histogram{
		Counts:  []uint64{1000, 1, 100, 2, 1},
		Buckets: []float64{math.Inf(-1), 0, 0.001, 0.5, 1, math.Inf(1)},
	}
	if got, want := total(waits), measuredOf*2*time.Second; got != want {
		t.Errorf("they waited for %s, want %s", got, want)
	}
}

// The process itself is left with one processor when it is idle, and has all of them soon after it is not.
func TestConcentrate(t *testing.T) { //nolint:paralleltest // it changes a setting of the process
	all := runtime.GOMAXPROCS(0)
	if all == 1 || processorTime() == 0 {
		t.Skip("there is one processor, or the system does not tell what the process uses")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		Concentrate(ctx)
	}()
	await(t, "the process is idle", func() bool { return runtime.GOMAXPROCS(0) == 1 })
	var stop atomic.Bool
	for range 4 {
		go func() {
			for !stop.Load() {
				runtime.Gosched()
			}
		}()
	}
	await(t, "the process is at work", func() bool { return runtime.GOMAXPROCS(0) == all })
	stop.Store(true)
	await(t, "it is idle again", func() bool { return runtime.GOMAXPROCS(0) == 1 })
	stop.Store(false)
	go func() {
		for !stop.Load() {
			for begin := time.Now(); time.Since(begin) < 25*time.Millisecond; {
			}
			time.Sleep(25 * time.Millisecond)
		}
	}()
	go func() {
		for !stop.Load() {
			time.Sleep(time.Millisecond)
		}
	}()
	await(t, "it computes in bursts, and others wait", func() bool { return runtime.GOMAXPROCS(0) == all })
	stop.Store(true)
	cancel()
	<-ended
	if got := runtime.GOMAXPROCS(0); got != all {
		t.Errorf("afterwards it uses %d processors, before it used %d", got, all)
	}
}

func TestALookMakesNoGarbage(t *testing.T) { //nolint:paralleltest // Allocations of others would count.
	m := newLoadMeter()
	if n := testing.AllocsPerRun(20, func() { m.look() }); n > 1 {
		t.Errorf("it makes %.0f allocations", n)
	}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 1000 {
		if done() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s, and it uses %d processors", what, runtime.GOMAXPROCS(0))
}

func TestConcentrateHeedsTheEnvironment(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2")
	done := make(chan struct{})
	go func() {
		defer close(done)
		Concentrate(t.Context())
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("it goes on though the environment says how many processors to use")
	}
}
