// Package gzipchunks compresses documents that follow each other and differ little: what a document has in common with
// the one before is not compressed again. It is for documents of several megabytes of which one part in a hundred
// changes at a time.
//
// A document is cut into chunks where its content says, so that a change moves the cuts next to it alone. Each chunk
// is compressed by itself, byte-aligned, and a gzip stream (RFC 1952) is put together from them.
package gzipchunks

import (
	"bytes"
	"compress/flate"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"sync"
)

// Document is a document in chunks. It is immutable and safe for concurrent use.
type Document struct{ chunks []*chunk }

// chunk is a part of one document or of several.
type chunk struct {
	plain []byte
	hash  uint64

	// What follows is there once somebody asked for it.
	deflating, digesting sync.Once

	deflated []byte
	digest   [sha512.Size]byte
}

// Builder takes a document down. The zero value does; it is not safe for concurrent use.
type Builder struct {
	known  map[uint64]*chunk
	chunks []*chunk
	// text is that of the chunk which is being written, and name that of a part.
	text, name []byte
}

// NewBuilder returns a builder of a document much of which earlier, which may be nil, is likely to have: what they
// have in common is there once, with what was computed of it.
func NewBuilder(earlier *Document) *Builder {
	if earlier == nil {
		return &Builder{}
	}
	b := &Builder{known: make(map[uint64]*chunk, len(earlier.chunks))}
	longest := 0
	for _, c := range earlier.chunks {
		b.known[c.hash] = c
		longest = max(longest, len(c.plain))
	}
	b.text = make([]byte, 0, longest)
	return b
}

// partsOfChunk is how many parts a chunk has in the mean.
const partsOfChunk = 64

// Part says that a part of the document, as a member of an object, begins with the name: it may be the first one of a
// chunk. A document without parts is one chunk.
func (b *Builder) Part(name string) {
	b.name = append(b.name[:0], name...)
	if crc32.ChecksumIEEE(b.name)%partsOfChunk == 0 {
		b.cut()
	}
}

// Write adds text to the document. It does not fail.
func (b *Builder) Write(text []byte) (int, error) {
	b.text = append(b.text, text...)
	return len(text), nil
}

// seed is one for all, so that a chunk's hash is computed once.
var seed = maphash.MakeSeed()

// cut ends the chunk that is being written.
func (b *Builder) cut() {
	if len(b.text) == 0 {
		return
	}
	hash := maphash.Bytes(seed, b.text)
	c := b.known[hash]
	if c == nil || !bytes.Equal(c.plain, b.text) {
		c = &chunk{plain: bytes.Clone(b.text), hash: hash}
	}
	b.chunks, b.text = append(b.chunks, c), b.text[:0]
}

// Document returns what was written, and leaves the builder empty.
func (b *Builder) Document() *Document {
	b.cut()
	d := &Document{b.chunks}
	*b = Builder{}
	return d
}

// Plain returns the document uncompressed, anew at each call.
func (d *Document) Plain() []byte {
	all := make([][]byte, len(d.chunks))
	for i, c := range d.chunks {
		all[i] = c.plain
	}
	return slices.Concat(all...)
}

// Reader reads the document uncompressed, without a copy of all of it.
func (d *Document) Reader() io.ReadSeeker { return io.NewSectionReader(d, 0, int64(d.Len())) }

// ReadAt implements io.ReaderAt.
func (d *Document) ReadAt(to []byte, offset int64) (int, error) {
	read := 0
	for _, c := range d.chunks {
		if offset >= int64(len(c.plain)) {
			offset -= int64(len(c.plain))
			continue
		}
		n := copy(to[read:], c.plain[offset:])
		offset = 0
		if read += n; read == len(to) {
			return read, nil
		}
	}
	return read, io.EOF
}

// Len returns the length of the document uncompressed, in bytes.
func (d *Document) Len() int {
	n := 0
	for _, c := range d.chunks {
		n += len(c.plain)
	}
	return n
}

// ETag returns 128 hexadecimal digits that another document has only if it is the same and has the same parts: the
// SHA-512 of those of the chunks.
func (d *Document) ETag() string {
	all := sha512.New()
	for _, c := range d.chunks {
		c.digesting.Do(func() { c.digest = sha512.Sum512(c.plain) })
		all.Write(c.digest[:])
	}
	return strings.ToUpper(hex.EncodeToString(all.Sum(nil)))
}

var (
	// gzipHeader is the one of a file without a name or a time, of an unknown system, compressed fastest.
	gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255}
	// lastBlock is an empty one.
	lastBlock = []byte{0x01, 0x00, 0x00, 0xff, 0xff}
)

// Gzip returns the document as a gzip stream, of the fastest level: anew at each call, though no chunk is compressed
// twice.
func (d *Document) Gzip() []byte {
	parts := make([][]byte, 0, len(d.chunks)+3)
	parts = append(parts, gzipHeader)
	sum, length := uint32(0), uint32(0)
	for _, c := range d.chunks {
		c.deflating.Do(func() { c.deflated = deflate(c.plain) })
		parts = append(parts, c.deflated)
		sum = crc32.Update(sum, crc32.IEEETable, c.plain)
		length += uint32(len(c.plain)) // modulo 2^32, as the format has it
	}
	trailer := binary.LittleEndian.AppendUint32(nil, sum)
	trailer = binary.LittleEndian.AppendUint32(trailer, length)
	return slices.Concat(append(parts, lastBlock, trailer)...)
}

// writers are kept, as one has tables of hundreds of kilobytes.
var writers = sync.Pool{New: func() any {
	// The level is one that there is.
	w, _ := flate.NewWriter(nil, flate.BestSpeed)
	return w
}}

// deflate compresses a text into blocks (RFC 1951) of which none is the last one, up to the end of a byte.
func deflate(text []byte) []byte {
	w, _ := writers.Get().(*flate.Writer)
	defer writers.Put(w)
	var out bytes.Buffer
	w.Reset(&out)
	// A buffer takes everything.
	_, _ = w.Write(text)
	_ = w.Flush()
	return bytes.Clone(out.Bytes()) // without the room that it grew in
}
