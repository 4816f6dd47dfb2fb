package golden

import (
	"os"
	"path/filepath"
	"testing"
)

// failing counts what a test would report.
type failing struct {
	testing.TB
	errors int
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.errors++ }

func TestCompare(t *testing.T) { //nolint:paralleltest // it sets the flag of the package
	file := filepath.Join(t.TempDir(), "want")
	testCompare(t, func(tb testing.TB, got string) { Compare(tb, file, got) })
	if data, err := os.ReadFile(file); err != nil || string(data) != "text" {
		t.Errorf("the file was changed: %s, %v", data, err)
	}
}

func TestCompareGzip(t *testing.T) { //nolint:paralleltest // it sets the flag of the package
	file := filepath.Join(t.TempDir(), "want")
	testCompare(t, func(tb testing.TB, got string) { CompareGzip(tb, file, []byte(got)) })
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := &failing{TB: t}
	if CompareGzip(f, file, []byte("text")); f.errors != 1 {
		t.Errorf("a file that is not compressed: %d errors", f.errors)
	}
}

func testCompare(t *testing.T, compare func(tb testing.TB, got string)) {
	t.Helper()
	expect := func(what, got string, errors int) {
		t.Helper()
		f := &failing{TB: t}
		compare(f, got)
		if f.errors != errors {
			t.Errorf("%s: %d errors, not %d", what, f.errors, errors)
		}
	}
	expect("no file", "text", 1)
	*update = true
	expect("written", "text", 0)
	*update = false
	expect("equal", "text", 0)
	expect("other", "other", 1)
}
