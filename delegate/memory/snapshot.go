package memory

import (
	"maps"
	"slices"
)

// gap are revisions that nobody may go on from: those between from and to. A process that ended may have
// given them to clients and lost what they stand for.
type gap struct{ from, to uint64 }

// gapEnd returns the end of the gap that a revision is in, or 0. mu is held.
func (b *Backend) gapEnd(revision uint64) uint64 {
	if i := slices.IndexFunc(b.gaps, func(g gap) bool { return revision > g.from && revision < g.to }); i >= 0 {
		return b.gaps[i].to
	}
	return 0
}

// image is the whole database at one moment. Nothing in it changes.
type image struct {
	revision, compacted uint64
	gaps                []gap
	tables              []tableImage
}

// tableImage is one table: the tree at the beginning of its history, and the history.
type tableImage struct {
	prefix    string
	compacted uint64
	base      *node
	events    []*event
}

// image takes the image of the newest state; it copies no object. mu is held.
func (b *Backend) image() image {
	out := image{revision: b.revision, compacted: b.compacted, gaps: slices.Clone(b.gaps)}
	for _, prefix := range slices.Sorted(maps.Keys(b.tables)) {
		t := b.tables[prefix]
		out.tables = append(out.tables, tableImage{prefix, t.compacted, t.base, slices.Clone(t.events)})
	}
	return out
}

// snapshotChunk is how much of a snapshot is encoded at once.
const snapshotChunk = 1 << 20

// encode writes the image as the content of a snapshot file whose journals begin with generation.
func (s image) encode(generation uint64, write func([]byte) error) error {
	buffer := append(make([]byte, 0, snapshotChunk), fileHeader...)
	count := uint64(0)
	add := func(r record) error {
		buffer = appendRecord(buffer, r)
		count++
		if len(buffer) < snapshotChunk {
			return nil
		}
		err := write(buffer)
		buffer = buffer[:0]
		return err
	}
	if err := s.records(generation, add); err != nil {
		return err
	}
	return write(appendRecord(buffer, record{kind: recordEnd, first: count}))
}

// records calls add for each record of a snapshot but the last.
func (s image) records(generation uint64, add func(record) error) error {
	head := append(make([]record, 0, 2+len(s.gaps)),
		record{kind: recordGeneration, first: generation}, record{kind: recordState, first: s.revision, second: s.compacted})
	for _, g := range s.gaps {
		head = append(head, record{kind: recordGap, first: g.from, second: g.to})
	}
	for _, r := range head {
		if err := add(r); err != nil {
			return err
		}
	}
	for _, t := range s.tables {
		if err := add(record{kind: recordTable, table: t.prefix, first: t.compacted}); err != nil {
			return err
		}
		var err error
		t.base.ascend("", "\xff", func(key string, v *value) bool {
			err = add(record{kind: recordObject, table: t.prefix, key: key, first: v.rev, expires: v.expires, data: v.data})
			return err == nil
		})
		if err != nil {
			return err
		}
		for _, e := range t.events {
			if err := add(eventRecord(t.prefix, e)); err != nil {
				return err
			}
		}
	}
	return nil
}

func eventRecord(prefix string, e *event) record {
	if e.next == nil {
		return record{kind: recordDelete, table: prefix, key: e.key, first: e.rev}
	}
	return record{kind: recordPut, table: prefix, key: e.key, first: e.rev, expires: e.next.expires, data: e.next.data}
}
