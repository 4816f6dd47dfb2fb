package aggregator

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Each context ends at its own time, one that was given up does not count, and those who derive
// from one end with it.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &deadlines{after: time.Minute}
		start := time.Now()
		first := d.begin(t.Context(), start)
		given := d.begin(t.Context(), start)
		time.Sleep(20 * time.Second)
		second := d.begin(t.Context(), time.Now())
		derived, cancel := context.WithCancel(context.WithValue(second, t, t))
		defer cancel()
		given.end()
		if !errors.Is(given.Err(), context.Canceled) {
			t.Errorf("the one given up: %v", given.Err())
		}
		if at, ok := second.Deadline(); !ok || !at.Equal(start.Add(80*time.Second)) {
			t.Errorf("the second's deadline is %s, %t", at, ok)
		}
		for _, want := range []struct {
			c  *deadline
			at time.Duration
		}{{first, time.Minute}, {second, 80 * time.Second}} {
			time.Sleep(time.Until(start.Add(want.at - time.Millisecond)))
			if err := want.c.Err(); err != nil {
				t.Errorf("before its time: %v", err)
			}
			<-want.c.Done()
			if took := time.Since(start); took != want.at || !errors.Is(want.c.Err(), context.DeadlineExceeded) {
				t.Errorf("%v after %s, want the deadline after %s", want.c.Err(), took, want.at)
			}
			want.c.end()
		}
		<-derived.Done()
		late := d.begin(t.Context(), time.Now())
		<-late.Done()
		if took := time.Since(start); took != 140*time.Second {
			t.Errorf("one that began when there was no other ended after %s", took)
		}
		late.end()
		if d.oldest != nil || d.newest != nil || d.timer != nil {
			t.Error("something is left")
		}
	})
}

// The end of the parent is the end of the context, and not its deadline.
func TestDeadlineOfEndedParent(t *testing.T) {
	t.Parallel()
	parent, cancel := context.WithCancel(t.Context())
	c := (&deadlines{after: time.Hour}).begin(parent, time.Now())
	defer c.end()
	cancel()
	<-c.Done()
	if !errors.Is(c.Err(), context.Canceled) {
		t.Error(c.Err())
	}
}

func TestDeadlinesOfMany(t *testing.T) {
	t.Parallel()
	d := &deadlines{after: 5 * time.Millisecond}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for range 50 {
				c := d.begin(t.Context(), time.Now())
				if i%2 == 0 {
					<-c.Done()
					if !errors.Is(c.Err(), context.DeadlineExceeded) {
						t.Error(c.Err())
					}
				}
				c.end()
			}
		})
	}
	wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.oldest != nil || d.newest != nil {
		t.Error("something is left")
	}
}
