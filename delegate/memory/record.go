package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// recordKind says what a record of a state file tells. The numbers are on disk: they never change.
type recordKind byte

const (
	// recordGeneration begins a snapshot: first is the number of the first journal that goes on from it.
	recordGeneration recordKind = 1
	// recordState: first is the database's revision, second the one that it was compacted at.
	recordState recordKind = 2
	// recordGap: the revisions between first and second were never given to anyone who can be trusted.
	recordGap recordKind = 3
	// recordTable: table is a resource prefix, first the revision up to which its history was dropped.
	recordTable recordKind = 4
	// recordObject is what key held at the beginning of the table's history: data, since revision first.
	recordObject recordKind = 5
	// recordPut and recordDelete are events, at revision first.
	recordPut    recordKind = 6
	recordDelete recordKind = 7
	// recordEnd ends a snapshot: first is the number of the records before it.
	recordEnd recordKind = 8
)

// record is one entry of a state file.
type record struct {
	kind          recordKind
	first, second uint64
	expires       int64 // nanoseconds since 1970, 0 for never
	table, key    string
	data          []byte
}

// A record on disk is a head and a body. The head has the body's length and checksum and a checksum of its
// own, so that a wrong length is told from a file that ends too early.
const headSize = 12

// maxBody refuses lengths that nobody writes before memory is made for them.
const maxBody = 1 << 30

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	// errTorn is the end of a file in the middle of a record, as a write that was cut short leaves it.
	errTorn = errors.New("the file ends within a record")
)

// appendRecord returns b with the record at its end.
func appendRecord(b []byte, r record) []byte {
	start := len(b)
	b = append(b, make([]byte, headSize)...)
	b = append(b, byte(r.kind))
	b = binary.AppendUvarint(b, r.first)
	b = binary.AppendUvarint(b, r.second)
	b = binary.AppendVarint(b, r.expires)
	b = binary.AppendUvarint(b, uint64(len(r.table)))
	b = append(b, r.table...)
	b = binary.AppendUvarint(b, uint64(len(r.key)))
	b = append(b, r.key...)
	b = append(b, r.data...)
	head, body := b[start:start+headSize], b[start+headSize:]
	binary.LittleEndian.PutUint32(head, uint32(len(body)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(body, castagnoli))
	binary.LittleEndian.PutUint32(head[8:], crc32.Checksum(head[:8], castagnoli))
	return b
}

// parseRecord reads the record at the beginning of b and returns its size; the record's data is a part of
// b. errTorn means that b ends too early, any other error that it is damaged.
func parseRecord(b []byte) (record, int, error) {
	if len(b) < headSize || zero(b) {
		return record{}, 0, errTorn
	}
	if crc32.Checksum(b[:8], castagnoli) != binary.LittleEndian.Uint32(b[8:]) {
		return record{}, 0, errors.New("the checksum of a record's head is wrong")
	}
	size := int(binary.LittleEndian.Uint32(b))
	if size > maxBody {
		return record{}, 0, fmt.Errorf("a record has a length of %d", size)
	}
	if len(b)-headSize < size {
		return record{}, 0, errTorn
	}
	body := b[headSize : headSize+size]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		if len(b) == headSize+size {
			// The file grew before all of its content was written.
			return record{}, 0, errTorn
		}
		return record{}, 0, errors.New("the checksum of a record is wrong")
	}
	r, err := parseBody(body)
	return r, headSize + size, err
}

// zero tells whether b has nothing but zeros, which a file system may leave at the end of a file that was
// growing when the power went.
func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

var errBody = errors.New("a record cannot be read")

func parseBody(b []byte) (record, error) {
	if len(b) == 0 {
		return record{}, errBody
	}
	r := record{kind: recordKind(b[0])}
	b = b[1:]
	if r.kind < recordGeneration || r.kind > recordEnd {
		return record{}, fmt.Errorf("a record is of the unknown kind %d", r.kind)
	}
	for _, field := range []*uint64{&r.first, &r.second} {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return record{}, errBody
		}
		*field, b = v, b[n:]
	}
	var n int
	if r.expires, n = binary.Varint(b); n <= 0 {
		return record{}, errBody
	}
	b = b[n:]
	for _, field := range []*string{&r.table, &r.key} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return record{}, errBody
		}
		*field, b = string(b[n:n+int(size)]), b[n+int(size):]
	}
	r.data = b
	return r, nil
}
