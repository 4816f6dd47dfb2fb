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
	"slices"
	"strings"
	"sync"
)

// Document is a document in chunks. It is immutable and safe for concurrent use.
type Document struct {
	plain  []byte
	chunks []chunk
}

// chunk is a part of a document.
type chunk struct {
	// plain lies in the document itself, so that no chunk keeps another document alive.
	plain []byte
	*computed
}

// computed is what is known of all chunks with the same text, once one of them was asked for it.
type computed struct {
	deflating, digesting sync.Once

	deflated []byte
	digest   [sha512.Size]byte
}

// partsOfChunk is how many parts a chunk has in the mean.
const partsOfChunk = 64

// headOfPart is how much of a part says whether a chunk begins with it: enough for its name.
const headOfPart = 64

// New cuts a document, which must not be changed any more, into chunks. starts are ascending offsets into it at which
// its parts, as the members of an object, begin: chunks begin at some of them. With none the document is one chunk.
// Chunks that earlier has, which may be nil, are taken from it, with what was computed of them.
func New(plain []byte, starts []int, earlier *Document) *Document {
	known := earlier.byHash()
	d := &Document{plain: plain}
	begin := 0
	add := func(end int) {
		if end > begin {
			d.chunks = append(d.chunks, known.chunk(plain[begin:end]))
			begin = end
		}
	}
	for _, start := range starts {
		head := plain[start:min(start+headOfPart, len(plain))]
		if crc32.ChecksumIEEE(head)%partsOfChunk == 0 {
			add(start)
		}
	}
	add(len(plain))
	return d
}

// Plain returns the document uncompressed. It must not be changed.
func (d *Document) Plain() []byte { return d.plain }

// ETag returns 128 hexadecimal digits that another document has only if it is the same and was cut from the same
// parts: the SHA-512 of those of the chunks.
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
	for _, c := range d.chunks {
		c.deflating.Do(func() { c.deflated = deflate(c.plain) })
		parts = append(parts, c.deflated)
	}
	trailer := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(d.plain))
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(len(d.plain))) //nolint:gosec // The format has it modulo 2^32.
	return slices.Concat(append(parts, lastBlock, trailer)...)
}

// chunksByHash are chunks of which one may be a given one: who finds one compares.
type chunksByHash struct {
	seed   maphash.Seed
	chunks map[uint64]chunk
}

// byHash works on nil, too.
func (d *Document) byHash() chunksByHash {
	if d == nil {
		return chunksByHash{}
	}
	known := chunksByHash{maphash.MakeSeed(), make(map[uint64]chunk, len(d.chunks))}
	for _, c := range d.chunks {
		known.chunks[maphash.Bytes(known.seed, c.plain)] = c
	}
	return known
}

// chunk returns the text as a chunk, with what is known of it.
func (k chunksByHash) chunk(text []byte) chunk {
	if len(k.chunks) > 0 {
		if c, ok := k.chunks[maphash.Bytes(k.seed, text)]; ok && bytes.Equal(c.plain, text) {
			return chunk{text, c.computed}
		}
	}
	return chunk{text, &computed{}}
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
