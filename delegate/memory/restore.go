package memory

import (
	"bytes"
	"errors"
	"fmt"
)

// restoring builds a database from the records of its files.
type restoring struct {
	b          *Backend
	generation uint64
	count      uint64
	complete   bool // the snapshot has ended: what follows are journals
	// base collects the objects of the newest table record until something else comes.
	table  *table
	keys   []string
	values []*value
}

// add takes the next record. The errors say what does not fit.
func (r *restoring) add(rec record) error {
	if rec.kind != recordObject {
		r.plant()
	}
	if (rec.kind == recordGeneration) != (r.count == 0) {
		return errors.New("a snapshot does not begin where it should")
	}
	if r.complete && rec.kind != recordGap && rec.kind != recordPut && rec.kind != recordDelete {
		return fmt.Errorf("a record of kind %d is no part of a journal", rec.kind)
	}
	var err error
	switch rec.kind {
	case recordGeneration:
		r.generation = rec.first
	case recordState:
		r.b.revision, r.b.compacted = rec.first, rec.second
	case recordGap:
		r.b.revision = max(r.b.revision, rec.second)
		r.b.addGap(gap{rec.first, rec.second})
	case recordTable:
		r.table = newTable(rec.table, rec.first)
		r.b.tables[rec.table] = r.table
	case recordObject:
		err = r.object(rec)
	case recordPut, recordDelete:
		err = r.event(rec)
	case recordEnd:
		if rec.first != r.count {
			err = fmt.Errorf("a snapshot ends after %d records and not after %d", r.count, rec.first)
		}
		r.complete = true
	}
	r.count++
	return err
}

func (r *restoring) object(rec record) error {
	if r.complete || r.table == nil || r.table.prefix != rec.table {
		return fmt.Errorf("the object %q belongs to no resource", rec.key)
	}
	if n := len(r.keys); n > 0 && rec.key <= r.keys[n-1] {
		return fmt.Errorf("the object %q is not in its place", rec.key)
	}
	r.keys = append(r.keys, rec.key)
	r.values = append(r.values, valueOf(rec))
	r.table.bytes += len(rec.data)
	return nil
}

func valueOf(rec record) *value {
	return &value{rev: rec.first, data: bytes.Clone(rec.data), expires: rec.expires}
}

// plant makes a tree of the objects that were collected.
func (r *restoring) plant() {
	if len(r.keys) == 0 {
		return
	}
	r.table.base = grow(r.keys, r.values)
	r.table.root = r.table.base
	r.keys, r.values = nil, nil
}

func (r *restoring) event(rec record) error {
	t := r.b.tables[rec.table]
	if t == nil {
		if !r.complete {
			return fmt.Errorf("the event of %q belongs to no resource", rec.key)
		}
		t = newTable(rec.table, r.b.compacted)
		r.b.tables[rec.table] = t
	}
	if rec.first <= t.newest() || (r.complete && rec.first <= r.b.revision) {
		return fmt.Errorf("the event of %q at revision %d comes too late", rec.key, rec.first)
	}
	e := &event{rev: rec.first, key: rec.key, prev: t.root.get(rec.key)}
	if rec.kind == recordPut {
		e.next = valueOf(rec)
	} else if e.prev == nil {
		return fmt.Errorf("%q is deleted at revision %d and does not exist", rec.key, rec.first)
	}
	t.apply(e, r.b.options)
	r.b.revision = max(r.b.revision, rec.first)
	return nil
}

// newest is the revision of the last event, or that at which the history begins.
func (t *table) newest() uint64 {
	if n := len(t.events); n > 0 {
		return t.events[n-1].rev
	}
	return t.compacted
}

// maxGaps bounds the gaps that are kept. Before the oldest of them nobody can go on any more.
const maxGaps = 64

// addGap takes a gap that is newer than all others. mu is held, or nobody else has the backend yet.
func (b *Backend) addGap(g gap) {
	b.gaps = append(b.gaps, g)
	for len(b.gaps) > maxGaps {
		b.compactLocked(b.gaps[0].to)
		b.gaps = b.gaps[1:]
	}
}
