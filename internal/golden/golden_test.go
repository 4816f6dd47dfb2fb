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
	expect := func(what, got string, errors int) {
		t.Helper()
		f := &failing{TB: t}
		Compare(f, file, got)
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
	if data, err := os.ReadFile(file); err != nil || string(data) != "text" {
		t.Errorf("the file was changed: %s, %v", data, err)
	}
}
