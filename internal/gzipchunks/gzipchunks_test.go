package gzipchunks_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/kagg-project/kagg/internal/gzipchunks"
)

// unzip reads a stream as any client does, its checksum and length included.
func unzip(t testing.TB, stream []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	// What follows a document is none of it.
	r.Multistream(false)
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// document has n parts; those in changed are others than they would be.
func document(n int, changed ...int) (text []byte, starts []int) {
	text = append(text, `{"definitions":{`...)
	for i := range n {
		starts = append(starts, len(text))
		text = fmt.Appendf(text, `"com.example.Kind%d":{"type":"object","description":"%s"},`, i, strings.Repeat(fmt.Sprint("words ", i*i), 10))
		for _, c := range changed {
			if c == i {
				text = append(text, `"another":{},`...)
			}
		}
	}
	return append(text, `"last":{}}}`...), starts
}

func TestGzipIsTheDocument(t *testing.T) {
	t.Parallel()
	long, starts := document(2000)
	first := []int{0}
	for _, c := range []struct {
		name   string
		text   []byte
		starts []int
	}{
		{"parts", long, starts},
		{"no parts", long, nil},
		{"a part at the beginning", long, append(first, starts...)},
		{"a part at the end", long, append(starts, len(long))},
		{"twice the same start", long, append(first, 0, 16, 16)},
		{"nothing", nil, nil},
		{"nothing, with parts", []byte{}, []int{0, 0}},
		{"what does not compress", randomText(100_000), []int{10, 20_000, 70_000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := gzipchunks.New(c.text, c.starts, nil)
			if got := unzip(t, d.Gzip()); !bytes.Equal(got, c.text) {
				t.Errorf("the stream has %d bytes, the document %d", len(got), len(c.text))
			}
			if !bytes.Equal(d.Plain(), c.text) {
				t.Error("the document was changed")
			}
		})
	}
}

// randomText has no order that a compression could use; equal ones at each call.
func randomText(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, n)
	for i := range text {
		text[i] = byte(random.Uint32())
	}
	return text
}

// Whatever came before, a document has the stream and the ETag that it has alone.
func TestEarlierDocumentsDoNotShow(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	var earlier *gzipchunks.Document
	for range 40 {
		n := 1900 + random.IntN(200)
		text, starts := document(n, random.IntN(n), random.IntN(n), random.IntN(n))
		alone, d := gzipchunks.New(text, starts, nil), gzipchunks.New(text, starts, earlier)
		if !bytes.Equal(d.Gzip(), alone.Gzip()) || d.ETag() != alone.ETag() {
			t.Fatalf("%d parts: the document differs from itself without an earlier one", n)
		}
		if got := unzip(t, d.Gzip()); !bytes.Equal(got, text) {
			t.Fatalf("%d parts: the stream is another document", n)
		}
		if earlier != nil && earlier.ETag() == d.ETag() && !bytes.Equal(earlier.Plain(), text) {
			t.Fatalf("%d parts: two documents have one ETag", n)
		}
		earlier = d
	}
}

func TestETagTellsDocumentsApart(t *testing.T) {
	t.Parallel()
	text, starts := document(2000)
	etag := gzipchunks.New(text, starts, nil).ETag()
	if len(etag) != 128 || strings.ToUpper(etag) != etag {
		t.Errorf("%q is no SHA-512 as kube-openapi writes it", etag)
	}
	for _, at := range []int{0, len(text) / 2, len(text) - 1} {
		other := bytes.Clone(text)
		other[at] ^= 1
		if gzipchunks.New(other, starts, nil).ETag() == etag {
			t.Errorf("a document that differs at byte %d has the same ETag", at)
		}
	}
	if gzipchunks.New(text[:len(text)-1], starts, nil).ETag() == etag {
		t.Error("a shorter document has the same ETag")
	}
}

// What the documents have in common costs nothing again; in a count, as clocks are not to be relied on.
//
//nolint:paralleltest // Allocations of others would count.
func TestWhatIsKnownIsNotComputedAgain(t *testing.T) {
	text, starts := document(10_000)
	other, otherStarts := document(10_000, 5000)
	earlier := gzipchunks.New(text, starts, nil)
	earlier.Gzip()
	allocations := func(earlier *gzipchunks.Document) float64 {
		return testing.AllocsPerRun(5, func() { gzipchunks.New(other, otherStarts, earlier).Gzip() })
	}
	if alone, after := allocations(nil), allocations(earlier); after > alone/10 {
		t.Errorf("after another document %.0f allocations, alone %.0f", after, alone)
	}
}

// TestConcurrentUse is for the race detector: chunks are shared by documents.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	text, starts := document(2000)
	other, otherStarts := document(2000, 1000)
	first := gzipchunks.New(text, starts, nil)
	second := gzipchunks.New(other, otherStarts, first)
	var wait sync.WaitGroup
	for _, d := range []*gzipchunks.Document{first, second, first, second} {
		wait.Go(func() {
			d.ETag()
			if !bytes.Equal(unzip(t, d.Gzip()), d.Plain()) {
				t.Error("the stream is another document")
			}
		})
	}
	wait.Wait()
}

// BenchmarkChange is the cost of a document in which one part of 10,000 changed, and of one that is new.
func BenchmarkChange(b *testing.B) {
	text, starts := document(10_000)
	other, otherStarts := document(10_000, 5000)
	earlier := gzipchunks.New(text, starts, nil)
	earlier.Gzip()
	earlier.ETag()
	for _, c := range []struct {
		name    string
		earlier *gzipchunks.Document
	}{{"changed", earlier}, {"new", nil}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(other)))
			b.ReportAllocs()
			for b.Loop() {
				d := gzipchunks.New(other, otherStarts, c.earlier)
				d.ETag()
				d.Gzip()
			}
		})
	}
}
