package manifest

import "time"

const (
	// quiet is how long nothing must happen before the files are read: an editor's save is many events.
	quiet = 40 * time.Millisecond
	// patience is how long events that do not end can put that off.
	patience = 150 * time.Millisecond
)

// debouncer turns bursts of events into one. It is for one goroutine.
type debouncer struct {
	timer *time.Timer
	first time.Time // of the burst; zero between bursts
}

func newDebouncer() *debouncer {
	d := &debouncer{timer: time.NewTimer(time.Hour)}
	d.timer.Stop()
	return d
}

// event notes that something happened.
func (d *debouncer) event() {
	now := time.Now()
	if d.first.IsZero() {
		d.first = now
	}
	d.timer.Reset(max(0, min(quiet, patience-now.Sub(d.first))))
}

// due is ready when a burst is over or has lasted long enough. Whoever received from it calls done.
func (d *debouncer) due() <-chan time.Time { return d.timer.C }

func (d *debouncer) done() { d.first = time.Time{} }
