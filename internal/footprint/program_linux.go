package footprint

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapping is a part of the address space.
type mapping struct {
	first, last uintptr
	perms       string
	file        string
	// changed tells that it has pages which are not those of the file, in memory or swapped out; of the two the kernel
	// has to have told.
	changed bool
	told    int
}

// look asks the kernel what the process uses.
func look() usage {
	var u usage
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := strings.Fields(string(statm)); len(fields) > 2 {
			resident, _ := strconv.ParseInt(fields[1], 10, 64) // 0 where it is no number
			file, _ := strconv.ParseInt(fields[2], 10, 64)
			u.resident = (resident - file) * int64(os.Getpagesize())
		}
	}
	u.cpu = processorTime()
	return u
}

// processorTime is the time of all processors that the process used.
func processorTime() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// dropProgram gives back the resident pages of the program's own file that cannot have been changed. That it fails
// does no harm: they stay.
func dropProgram() {
	program, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range parseMappings(maps) {
		if !m.droppable(program) {
			continue
		}
		memory := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), m.first)), m.last-m.first) //nolint:gosec // an address that the kernel gave
		split(memory)
		// The kernel reads unchanged pages of a file again when they are used.
		_ = unix.Madvise(memory, unix.MADV_DONTNEED)
	}
}

const (
	// hugePage is the largest piece in which the kernel keeps a file in memory.
	hugePage = 2 << 20
	// strip is a fraction of it.
	strip = hugePage / 4
)

// split makes a mapping consist of mappings that are smaller than what the kernel may have of the file in one piece.
// Where the whole of a piece fits, it becomes resident when one page of it is used.
func split(memory []byte) {
	if len(memory) < hugePage {
		return
	}
	for at := 0; at < len(memory); at += 2 * strip {
		// Mappings that differ in what the kernel is advised of are not joined. The advice itself is as good as any.
		_ = unix.Madvise(memory[at:min(at+strip, len(memory))], unix.MADV_NOHUGEPAGE)
	}
}

// droppable tells the mappings of a file that hold nothing but the file: those that can be written to, or could
// before they were protected and were, do not.
func (m mapping) droppable(file string) bool {
	return m.file == file && !strings.Contains(m.perms, "w") && !m.changed && m.told == 2 && m.last > m.first
}

// parseMappings reads /proc/self/smaps.
func parseMappings(smaps []byte) []mapping {
	var out []mapping
	lines := bufio.NewScanner(bytes.NewReader(smaps))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 5 && strings.Contains(fields[0], "-") {
			out = append(out, parseMapping(fields))
		} else if len(out) > 0 && len(fields) == 3 && (fields[0] == "Anonymous:" || fields[0] == "Swap:") {
			last := &out[len(out)-1]
			last.told++
			last.changed = last.changed || fields[1] != "0"
		}
	}
	return out
}

// parseMapping reads a line "first-last perms offset device inode file"; a mapping that cannot be read is empty.
func parseMapping(fields []string) mapping {
	from, to, _ := strings.Cut(fields[0], "-")
	first, err := strconv.ParseUint(from, 16, 64)
	if err != nil {
		return mapping{}
	}
	last, err := strconv.ParseUint(to, 16, 64)
	if err != nil {
		return mapping{}
	}
	return mapping{first: uintptr(first), last: uintptr(last), perms: fields[1], file: strings.Join(fields[5:], " ")}
}
