package bounds

import (
	"testing"
)

// failures counts the failures that Check reports.
type failures struct {
	testing.TB
	count int
}

func (f *failures) Helper()               {}
func (f *failures) Errorf(string, ...any) { f.count++ }

var kept []byte

func TestCheckCountsWhatIsAllocated(t *testing.T) { //nolint:paralleltest // other tests' memory counts
	for _, test := range []struct{ size, allocated, want int }{
		{0, 1 << 20, 0},
		{0, fixedBytes + 1<<20, 1},
		{100, fixedBytes + 100*bytesPerByte/2, 0},
	} {
		f := &failures{TB: t}
		Check(f, test.size, func() { kept = make([]byte, test.allocated) })
		if f.count != test.want {
			t.Errorf("%d bytes for an input of %d: %d failures, want %d", test.allocated, test.size, f.count, test.want)
		}
	}
	kept = nil
}
