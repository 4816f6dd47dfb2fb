// Package golden holds what tests get to files of what is wanted. It is imported by tests alone: it registers the
// flag -update, with which go test writes the files anew. Read what was written before it is committed.
package golden

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the files of what golden cases want")

// Compare fails the test, and goes on, when got is not the content of file; a file that does not exist is empty. With
// -update it writes got there. It is safe for concurrent use on different files.
func Compare(tb testing.TB, file, got string) {
	tb.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		tb.Errorf("%s differs, -update writes it anew (-want +got):\n%s", file, diff)
	}
}

// CompareGzip is Compare for a file that is compressed, and too long to show how it differs.
func CompareGzip(tb testing.TB, file string, got []byte) {
	tb.Helper()
	if *update {
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		if err != nil {
			tb.Fatal(err)
		}
		_, err = w.Write(got)
		if err := errors.Join(err, w.Close(), os.WriteFile(file, packed.Bytes(), 0o600)); err != nil {
			tb.Fatal(err)
		}
		return
	}
	packed, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		tb.Errorf("%s does not exist, -update writes it", file)
		return
	}
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = packed.Close() }() // it was only read
	var want []byte
	r, err := gzip.NewReader(packed)
	if err == nil {
		want, err = io.ReadAll(r)
	}
	if err != nil {
		tb.Errorf("%s: %v; -update writes it anew", file, err)
		return
	}
	if !bytes.Equal(got, want) {
		tb.Errorf("%s differs from what it should be, %d bytes instead of %d; -update writes it anew", file, len(want), len(got))
	}
}
