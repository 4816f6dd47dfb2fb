package gzipchunks_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

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

// part is one of a document, whose name is its beginning; some texts are in no part.
type part struct{ name, text string }

// members are n parts; those in changed are others than they would be.
func members(n int, changed ...int) []part {
	out := []part{{text: `{"definitions":{`}}
	for i := range n {
		name := fmt.Sprintf(`"com.example.Kind%d"`, i)
		text := fmt.Sprintf(`%s:{"type":"object","description":"%s"},`, name, strings.Repeat(fmt.Sprint("words ", i*i), 10))
		if slices.Contains(changed, i) {
			text += `"another":{},`
		}
		out = append(out, part{name, text})
	}
	return append(out, part{text: `"last":{}}}`})
}

func text(parts []part) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p.text...)
	}
	return out
}

func build(parts []part, earlier *gzipchunks.Document) *gzipchunks.Document {
	b := gzipchunks.NewBuilder(earlier)
	for _, p := range parts {
		if p.name != "" {
			b.Part(p.name)
		}
		_, _ = b.Write([]byte(p.text))
	}
	return b.Document()
}

func TestGzipIsTheDocument(t *testing.T) {
	t.Parallel()
	random := string(randomText(100_000))
	for name, parts := range map[string][]part{
		"parts":                    members(2000),
		"no parts":                 {{"", string(text(members(2000)))}},
		"one part":                 {{"name", "text"}},
		"names of no text":         {{"a", ""}, {"b", ""}, {"b", ""}, {"c", "text"}, {"d", ""}},
		"nothing":                  nil,
		"no text":                  {{"a", ""}},
		"what does not compress":   {{"a", random[:20_000]}, {"b", random[20_000:]}},
		"the same chunk each time": slices.Repeat([]part{members(2000)[7]}, 100),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, want := build(parts, nil), text(parts)
			if got := unzip(t, d.Gzip()); !bytes.Equal(got, want) {
				t.Errorf("the stream has %d bytes, the document %d", len(got), len(want))
			}
			if !bytes.Equal(d.Plain(), want) || d.Len() != len(want) {
				t.Errorf("the document was changed; it has %d bytes", d.Len())
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
		parts := members(n, random.IntN(n), random.IntN(n), random.IntN(n))
		alone, d := build(parts, nil), build(parts, earlier)
		if !bytes.Equal(d.Gzip(), alone.Gzip()) || d.ETag() != alone.ETag() || !bytes.Equal(d.Plain(), text(parts)) {
			t.Fatalf("%d parts: the document differs from itself without an earlier one", n)
		}
		if got := unzip(t, d.Gzip()); !bytes.Equal(got, text(parts)) {
			t.Fatalf("%d parts: the stream is another document", n)
		}
		if earlier != nil && earlier.ETag() == d.ETag() && !bytes.Equal(earlier.Plain(), d.Plain()) {
			t.Fatalf("%d parts: two documents have one ETag", n)
		}
		earlier = d
	}
}

func TestETagTellsDocumentsApart(t *testing.T) {
	t.Parallel()
	parts := members(2000)
	etag := build(parts, nil).ETag()
	if len(etag) != 128 || strings.ToUpper(etag) != etag {
		t.Errorf("%q is no SHA-512 as kube-openapi writes it", etag)
	}
	for _, i := range []int{0, 1000, len(parts) - 1} {
		other := slices.Clone(parts)
		other[i].text += " "
		if build(other, nil).ETag() == etag {
			t.Errorf("a document with another part %d has the same ETag", i)
		}
	}
	if build(parts[:len(parts)-1], nil).ETag() == etag {
		t.Error("a shorter document has the same ETag")
	}
}

// What documents have in common is neither kept nor computed again; in a count, as clocks are not to be relied on.
//
//nolint:paralleltest // Allocations of others would count.
func TestWhatIsKnownIsNotComputedAgain(t *testing.T) {
	other := members(10_000, 5000)
	earlier := build(members(10_000), nil)
	earlier.Gzip()
	allocations := func(earlier *gzipchunks.Document) float64 {
		return testing.AllocsPerRun(5, func() { build(other, earlier).Gzip() })
	}
	// What the test's own writing allocates is in both.
	nothing := testing.AllocsPerRun(5, func() { build(other, earlier) })
	if alone, after := allocations(nil)-nothing, allocations(earlier)-nothing; after > alone/10 {
		t.Errorf("after another document %.0f allocations, alone %.0f", after, alone)
	}
}

// TestConcurrentUse is for the race detector: chunks are shared by documents.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	first := build(members(2000), nil)
	second := build(members(2000, 1000), first)
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
	other := members(10_000, 5000)
	earlier := build(members(10_000), nil)
	earlier.Gzip()
	earlier.ETag()
	for _, c := range []struct {
		name    string
		earlier *gzipchunks.Document
	}{{"changed", earlier}, {"new", nil}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(text(other))))
			b.ReportAllocs()
			for b.Loop() {
				d := build(other, c.earlier)
				d.ETag()
				d.Gzip()
			}
		})
	}
}

// A document is read by parts as from its whole text.
func TestReader(t *testing.T) {
	t.Parallel()
	var b gzipchunks.Builder
	for i := range 1000 {
		name := strconv.Itoa(i)
		b.Part(name)
		_, _ = b.Write([]byte("part " + name + ";"))
	}
	d := b.Document()
	if err := iotest.TestReader(d.Reader(), d.Plain()); err != nil {
		t.Error(err)
	}
}
