// Package golden holds what tests get to files of what is wanted. It is imported by tests alone: it registers the
// flag -update, with which go test writes the files anew. Read what was written before it is committed.
package golden

import (
	"errors"
	"flag"
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
