package footprint

import (
	"os"
	"strings"
	"testing"
)

func TestOnlyUnchangedPagesOfTheFileAreDropped(t *testing.T) {
	t.Parallel()
	const smaps = `00400000-02b9f000 r-xp 00000000 fd:00 1 /bin/the program
Size:              40572 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
02b9f000-05aa6000 r--p 0279f000 fd:00 1 /bin/the program
Anonymous:             4 kB
Swap:                  0 kB
05aa6000-05b92000 rw-p 056a6000 fd:00 1 /bin/the program
Anonymous:             0 kB
Swap:                  0 kB
05b92000-05b93000 r--p 056a6000 fd:00 1 /bin/the program
7ff452fe0000-7ff453136000 r-xp 00000000 fd:00 2 /lib/libc.so.6
Anonymous:             0 kB
Swap:                  0 kB
7ff453136000-7ff453137000 rw-p 00000000 00:00 0
Anonymous:             0 kB
Swap:                  0 kB
`
	const swapped = `00400000-00500000 r--p 00000000 fd:00 1 /bin/the program
Anonymous:             0 kB
Swap:                  4 kB
`
	var dropped []mapping
	for _, m := range append(parseMappings([]byte(smaps)), parseMappings([]byte(swapped))...) {
		if m.droppable("/bin/the program") {
			dropped = append(dropped, m)
		}
	}
	if len(dropped) != 1 || dropped[0].first != 0x400000 || dropped[0].last != 0x2b9f000 {
		t.Errorf("want the first mapping alone, got %+v", dropped)
	}
}

// The test's own program is dropped, in strips, and runs on.
func TestProgramRunsOn(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	mapped := func() (n int, total, longest uintptr) {
		smaps, err := os.ReadFile("/proc/self/smaps")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range parseMappings(smaps) {
			if m.droppable(program) {
				n, total, longest = n+1, total+m.last-m.first, max(longest, m.last-m.first)
			}
		}
		return n, total, longest
	}
	n, total, _ := mapped()
	if n == 0 {
		t.Fatal("the program has no mapping that could be dropped")
	}
	for range 3 { // what is split already stays as it is
		dropProgram()
		if got := strings.Repeat("a", 3); got != "aaa" {
			t.Error(got)
		}
		now, after, longest := mapped()
		if after != total || longest >= hugePage || now > n+int(total/strip)+1 {
			t.Errorf("%d mappings of %d bytes became %d of %d, the longest of %d", n, total, now, after, longest)
		}
	}
}

func TestUsageIsTold(t *testing.T) {
	t.Parallel()
	if u := look(); u.resident < 1<<20 || u.cpu <= 0 {
		t.Errorf("%+v", u)
	}
}
