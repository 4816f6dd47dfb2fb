package memory

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const (
	// syncInterval is the longest time that what was written to the journal is not yet on the disk: what a
	// loss of power can cost. A killed process loses what its goroutine had not written yet.
	syncInterval = 100 * time.Millisecond
	// pendingLimit bounds what waits to be written, in bytes of objects. Beyond it the journal gives way to a
	// snapshot, which costs no memory however long the disk takes.
	pendingLimit = 64 << 20
	// A journal is replaced by a snapshot when it is larger than journalLeast and than the newest snapshot.
	journalLeast = 8 << 20
	// After an error of the disk everything is written anew, at first after retryFirst.
	retryFirst = time.Second
	retryMost  = 30 * time.Second
)

// journal keeps a backend on disk. Its one goroutine writes events that wait in memory to the journal file,
// and snapshots are written beside it; writers of objects never wait for either.
type journal struct {
	backend *Backend
	folder  string
	tell    func(message string)

	// The backend's mutex guards what waits, in the order of the revisions. behind means that it was dropped,
	// and that only a snapshot brings the files up to date.
	pending      []pendingEvent
	pendingBytes int
	behind       bool

	wake, stop, done chan struct{}

	// What follows belongs to the goroutine of run.

	file          *os.File // nil after an error
	generation    uint64
	size          int64 // of the journal file
	snapshotSize  int64
	dirty         bool // something written since dirtySince is not synced
	dirtySince    time.Time
	snapshotEnded chan error
	writing       bool // a snapshot, in another goroutine
	timer         *time.Timer
	failed        bool // an error was told
	retry         time.Duration
}

type pendingEvent struct {
	prefix string
	event  *event
}

// add takes an event to be written. The backend's mutex is held.
func (j *journal) add(t *table, e *event) {
	if j.behind {
		return
	}
	j.pending = append(j.pending, pendingEvent{t.prefix, e})
	if j.pendingBytes += e.size(); j.pendingBytes > pendingLimit {
		j.pending, j.pendingBytes, j.behind = nil, 0, true
	}
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// start runs the journal until close. Its file is at its end.
func (j *journal) start() {
	j.wake, j.stop, j.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	j.snapshotEnded = make(chan error, 1)
	j.timer = time.NewTimer(time.Hour)
	j.retry = retryFirst
	go j.run()
}

// close returns when everything is on the disk, or cannot be brought there.
func (j *journal) close() {
	close(j.stop)
	<-j.done
}

func (j *journal) run() {
	defer close(j.done)
	defer j.timer.Stop()
	for {
		select {
		case <-j.wake:
			if j.file == nil {
				continue // until the timer says so
			}
		case <-j.timer.C:
		case err := <-j.snapshotEnded:
			j.endSnapshot(err)
		case <-j.stop:
			j.finish()
			return
		}
		if err := j.step(); err != nil {
			j.fail(err)
		}
	}
}

// step writes what waits and does what is due.
func (j *journal) step() error {
	events, behind := j.take()
	if behind || j.file == nil {
		return j.writeAnew()
	}
	if err := j.write(events); err != nil {
		return err
	}
	if j.size > max(journalLeast, j.snapshotSize) && !j.writing {
		return j.rotate()
	}
	return nil
}

func (j *journal) take() (events []pendingEvent, behind bool) {
	j.backend.mu.Lock()
	defer j.backend.mu.Unlock()
	events = j.pending
	j.pending, j.pendingBytes = nil, 0
	return events, j.behind
}

// write appends events, and syncs what was written syncInterval ago.
func (j *journal) write(events []pendingEvent) error {
	var buffer []byte
	for _, p := range events {
		buffer = appendRecord(buffer, eventRecord(p.prefix, p.event))
		if len(buffer) > snapshotChunk {
			if err := j.append(buffer); err != nil {
				return err
			}
			buffer = buffer[:0]
		}
	}
	if err := j.append(buffer); err != nil {
		return err
	}
	if len(events) > 0 && !j.dirty {
		j.dirty, j.dirtySince = true, time.Now()
		j.timer.Reset(syncInterval)
	}
	if j.dirty && time.Since(j.dirtySince) >= syncInterval {
		return j.sync()
	}
	return nil
}

func (j *journal) append(b []byte) error {
	n, err := j.file.Write(b)
	j.size += int64(n)
	return err
}

func (j *journal) sync() error {
	j.dirty = false
	return j.file.Sync()
}

// rotate goes on in a new journal and has a snapshot made of all before it.
func (j *journal) rotate() error {
	b := j.backend
	b.mu.Lock()
	state, events := b.image(), j.pending
	j.pending, j.pendingBytes = nil, 0
	b.mu.Unlock()
	if err := errors.Join(j.write(events), j.sync()); err != nil {
		return err
	}
	if err := j.open(j.generation + 1); err != nil {
		return err
	}
	j.writing = true
	generation := j.generation
	go func() { j.snapshotEnded <- j.writeSnapshot(state, generation) }()
	return nil
}

// open goes on in the new, empty journal of a generation.
func (j *journal) open(generation uint64) error {
	f, err := os.OpenFile(filepath.Join(j.folder, fmt.Sprintf(journalFormat, generation)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(fileHeader); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), syncFolder(j.folder)); err != nil {
		return errors.Join(err, f.Close())
	}
	if j.file != nil {
		if err := j.file.Close(); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	j.file, j.generation, j.size, j.dirty = f, generation, int64(len(fileHeader)), false
	return nil
}

func (j *journal) writeSnapshot(state image, generation uint64) error {
	return writeFile(j.folder, snapshotFile, func(write func([]byte) error) error { return state.encode(generation, write) })
}

// endSnapshot removes the journals that a snapshot made needless. A snapshot that could not be written is
// tried again when the journal has grown by as much.
func (j *journal) endSnapshot(err error) {
	j.writing = false
	if err != nil {
		j.snapshotSize = j.size + journalLeast
		j.tell(fmt.Sprintf("a snapshot of the objects could not be written to %s: %v: the journal goes on", j.folder, err))
		return
	}
	j.measure()
	removeJournals(j.folder, j.generation)
}

func (j *journal) measure() {
	if info, err := os.Stat(filepath.Join(j.folder, snapshotFile)); err == nil {
		j.snapshotSize = info.Size()
	}
}

// fail gives the journal up after an error of the disk, until everything can be written anew: what comes
// after a record that is not whole would be lost.
func (j *journal) fail(err error) {
	j.tell(fmt.Sprintf("the objects cannot be kept in %s: %v: they stay in memory, and everything is written again in %s", j.folder, err, j.retry))
	if j.file != nil {
		_ = j.file.Close() // the error before it is told
		j.file, j.dirty = nil, false
	}
	j.failed = true
	j.backend.mu.Lock()
	j.pending, j.pendingBytes, j.behind = nil, 0, true
	j.backend.mu.Unlock()
	j.timer.Reset(j.retry)
	j.retry = min(2*j.retry, retryMost)
}

// writeAnew writes a snapshot and begins a journal after it.
func (j *journal) writeAnew() error {
	if j.writing {
		j.endSnapshot(<-j.snapshotEnded)
	}
	b := j.backend
	b.mu.Lock()
	state := b.image()
	j.pending, j.pendingBytes, j.behind = nil, 0, false
	b.mu.Unlock()
	if err := j.writeSnapshot(state, j.generation+1); err != nil {
		return err
	}
	if err := j.open(j.generation + 1); err != nil {
		return err
	}
	j.measure()
	removeJournals(j.folder, j.generation)
	if j.failed {
		j.failed, j.retry = false, retryFirst
		j.tell(fmt.Sprintf("the objects are kept in %s again", j.folder))
	}
	return nil
}

// finish brings everything to the disk and ends the journal.
func (j *journal) finish() {
	err := j.step()
	// Perhaps one that this step began.
	if j.writing {
		j.endSnapshot(<-j.snapshotEnded)
	}
	if err == nil && j.dirty {
		err = j.sync()
	}
	if j.file != nil {
		err = errors.Join(err, j.file.Close())
	}
	if err != nil {
		j.tell(fmt.Sprintf("the newest objects could not be kept in %s: %v", j.folder, err))
	}
}
