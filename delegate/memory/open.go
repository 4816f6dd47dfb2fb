package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// revisionLeap is by how much the revisions after a start are ahead of the last one that was kept, where
// the clock alone does not bring them there: more than a process can lose.
const revisionLeap = 1_000_000

// Open returns the database that is kept in a folder, or an empty one that is kept there from now on. The
// folder must belong to this process alone until Close.
//
// What is written goes to a journal at once, without making writers wait, and to the disk within a tenth of
// a second: a killed process loses what it had written in the last milliseconds, a loss of power the last
// tenth of a second. From time to time a snapshot takes the journal's place. Files have mode 0600.
//
// Revisions go on after those that were kept, with a leap over those that may have been lost: who watches
// or lists at one of these gets 410 Expired, who is at one that was kept goes on from there as long as the
// history has it. Objects whose time to live ended meanwhile are deleted before Open returns.
//
// The end of a journal that a crash cut off is left out, and tell hears of it; so it does of errors of the
// disk later. tell must not block. A file that is damaged, or of another format, is an error that names it
// and the mend; nothing is changed then.
func Open(folder string, o Options, tell func(message string)) (*Backend, error) {
	if err := os.MkdirAll(folder, folderMode); err != nil {
		return nil, fmt.Errorf("making the folder of the objects: %w", err)
	}
	r := &restoring{b: NewBackend(o)}
	j := &journal{backend: r.b, folder: folder, tell: tell}
	found, err := j.load(r)
	if err != nil {
		return nil, err
	}
	r.b.journal = j
	if found {
		err = j.leap()
	} else {
		err = j.writeAnew()
	}
	if err != nil {
		if j.file != nil {
			_ = j.file.Close() // the error before it is told
		}
		return nil, fmt.Errorf("keeping the objects in %s: %w", folder, err)
	}
	j.start()
	r.b.resumeExpiry()
	return r.b, nil
}

// load reads the snapshot and the journals after it, and opens the last journal at its good end. It reports
// false where there is nothing.
func (j *journal) load(r *restoring) (found bool, err error) {
	name := filepath.Join(j.folder, snapshotFile)
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if left := journals(j.folder); len(left) > 0 {
			return false, damaged(name, 0, fmt.Errorf("it is missing, and %s is there", left[0]))
		}
		return false, nil
	}
	if err != nil {
		return false, err
	}
	at, err := parseFile(content, r.add)
	if err == nil && !r.complete {
		err = errTorn
	}
	if err != nil {
		return false, damaged(name, at, err)
	}
	j.snapshotSize = int64(len(content))
	for j.generation = r.generation; ; j.generation++ {
		last, err := j.loadJournal(r)
		if err != nil || last {
			return true, err
		}
	}
}

// loadJournal reads the journal of the generation, and tells whether it is the last.
func (j *journal) loadJournal(r *restoring) (last bool, err error) {
	name := filepath.Join(j.folder, fmt.Sprintf(journalFormat, j.generation))
	content, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && j.generation == r.generation {
		return true, j.open(j.generation) // the snapshot was all that got written
	}
	if err != nil {
		return false, err
	}
	at, err := parseFile(content, r.add)
	_, nextErr := os.Stat(filepath.Join(j.folder, fmt.Sprintf(journalFormat, j.generation+1)))
	last = nextErr != nil
	switch {
	case errors.Is(err, errTorn) && last:
		j.tell(fmt.Sprintf("%s ends in the middle of a record, as after a crash: the last %d bytes are left out", name, len(content)-at))
	case err != nil:
		return false, damaged(name, at, err)
	}
	if !last {
		return false, nil
	}
	if at < len(fileHeader) {
		return true, j.open(j.generation)
	}
	if j.file, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND, fileMode); err != nil {
		return false, err
	}
	j.size = int64(at)
	if err := j.file.Truncate(j.size); err != nil {
		return false, err
	}
	return true, nil
}

// leap puts the revision ahead of all that a former process may have given to a client.
func (j *journal) leap() error {
	b := j.backend
	g := gap{from: b.revision, to: max(b.revision+revisionLeap, b.options.FirstRevision)}
	b.addGap(g)
	b.revision = g.to
	return errors.Join(j.append(appendRecord(nil, record{kind: recordGap, first: g.from, second: g.to})), j.sync())
}

// resumeExpiry deletes what expired meanwhile, and sets the timers of what will.
func (b *Backend) resumeExpiry() {
	now := b.options.Clock.Now()
	var mortal []change
	b.mu.RLock()
	for _, t := range b.tables {
		t.root.ascend("", "\xff", func(key string, v *value) bool {
			if v.expires != 0 {
				mortal = append(mortal, change{table: t, key: key, prev: v})
			}
			return true
		})
	}
	b.mu.RUnlock()
	for _, c := range mortal {
		left := time.Unix(0, c.prev.expires).Sub(now)
		if left <= 0 {
			// Nobody else has the backend yet: there is no conflict.
			_, _, _, _ = b.commit(c)
			continue
		}
		b.expireLater(change{table: c.table, key: c.key, next: c.prev}, left)
	}
}

// journals names the journals of a folder, in order.
func journals(folder string) []string {
	// The pattern is well-formed; a folder that cannot be read shows when its files are opened.
	names, _ := filepath.Glob(filepath.Join(folder, "journal-*"))
	return names
}

// removeJournals removes those before a generation, and what snapshots left that were never finished.
func removeJournals(folder string, before uint64) {
	stale, _ := filepath.Glob(filepath.Join(folder, snapshotFile+".tmp-*"))
	first := filepath.Join(folder, fmt.Sprintf(journalFormat, before))
	for _, name := range journals(folder) {
		if name < first {
			stale = append(stale, name)
		}
	}
	for _, name := range stale {
		_ = os.Remove(name) // what stays is left out at the next start
	}
}
