package memory

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var recordSamples = []record{
	{kind: recordGeneration, first: 3},
	{kind: recordGap, first: 1, second: 1 << 60},
	{kind: recordPut, first: 7, expires: -1, table: "/pods/", key: "/pods/ns/a", data: []byte(`{"a":1}`)},
	{kind: recordDelete, first: 8, table: "/pods/", key: "/pods/ns/\x00é"},
	{kind: recordEnd},
}

func TestRecordsAreReadAsWritten(t *testing.T) {
	t.Parallel()
	content := []byte(fileHeader)
	for _, r := range recordSamples {
		content = appendRecord(content, r)
	}
	var got []record
	good, err := parseFile(content, func(r record) error {
		if len(r.data) == 0 {
			r.data = nil
		}
		got = append(got, r)
		return nil
	})
	if err != nil || good != len(content) {
		t.Fatalf("%d of %d bytes are good: %v", good, len(content), err)
	}
	if diff := cmp.Diff(recordSamples, got, cmp.AllowUnexported(record{})); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// Every cut of a file leaves the whole records before it and the report of a torn end; every changed byte
// leaves the records before it and an error. Nothing wrong is ever read.
func TestDamageIsNoticed(t *testing.T) {
	t.Parallel()
	content := []byte(fileHeader)
	for _, r := range recordSamples {
		content = appendRecord(content, r)
	}
	read := func(content []byte) ([]byte, error) {
		again := []byte(fileHeader)
		_, err := parseFile(content, func(r record) error {
			again = appendRecord(again, r)
			return nil
		})
		return again, err
	}
	for n := range content {
		got, err := read(content[:n])
		whole := bytes.Equal(got, content[:n])
		if !whole && !errors.Is(err, errTorn) {
			t.Errorf("cut at %d: %v", n, err)
		}
		if n >= len(fileHeader) && !bytes.HasPrefix(content, got) {
			t.Errorf("cut at %d: other records were read", n)
		}
		if got, err := read(append(bytes.Clone(content[:n]), make([]byte, 100)...)); n >= len(fileHeader) && (err == nil || !bytes.HasPrefix(content, got)) {
			t.Errorf("zeros from %d on: %v", n, err)
		}
		for bit := range 8 {
			changed := bytes.Clone(content)
			changed[n] ^= 1 << bit
			got, err := read(changed)
			if err == nil || !bytes.HasPrefix(content, got) {
				t.Errorf("bit %d of byte %d changed: %v", bit, n, err)
			}
		}
	}
}

func TestForeignFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ content, want string }{
		"newer format": {magic + "2\nxyz", `the state file "/state/objects/snapshot" has format "2", and this kagg reads format "1": use the kagg that wrote it, or move the folder "/state/objects" away to begin without its objects`},
		"other file":   {"hello\n", `the state file "/state/objects/snapshot" is damaged at byte 0: it does not begin as a file of kagg: bring back a copy of the folder "/state/objects", or move it away to begin without its objects`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := parseFile([]byte(c.content), func(record) error { return nil })
			if got := damaged("/state/objects/snapshot", at, err).Error(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func FuzzParseFile(f *testing.F) {
	content := []byte(fileHeader)
	for _, r := range recordSamples {
		content = appendRecord(content, r)
		f.Add(content)
	}
	f.Add([]byte(strings.Repeat("\x00", 40)))
	f.Fuzz(func(t *testing.T, content []byte) {
		again := []byte(fileHeader)
		r := &restoring{b: NewBackend(Options{})}
		good, err := parseFile(content, func(rec record) error {
			again = appendRecord(again, rec)
			return r.add(rec)
		})
		if good > len(content) || (err == nil && good != len(content)) {
			t.Fatalf("%d of %d bytes are good: %v", good, len(content), err)
		}
		if _, err := parseFile(again, func(record) error { return nil }); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
	})
}
