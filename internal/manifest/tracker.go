package manifest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"maps"
	"reflect"
	"slices"
)

// tracker holds the last good state of each file, and finds out what a new look at the files changes.
type tracker struct {
	decoder *decoder
	stdin   io.Reader

	files   map[string]*trackedFile
	streams map[string]stream // what was read from names that can be read but once
	scans   int
	objects []Object
	general map[string]bool // errors about folders and missing files that hold and were reported
	// reported are the names of files and places with errors that were reported and are not mended yet.
	reported map[string]bool
}

// trackedFile is one file. Its objects are those of good, whatever its content is now.
type trackedFile struct {
	name    string
	order   int
	sum     [sha256.Size]byte
	changed int      // the scan that found the present content
	parsed  []Object // of the present content, if that is good in itself
	errs    []*Error // of the present content, if not
	// waiting means that the present content has an object that another file has, too.
	waiting bool
	good    []Object
}

func newTracker(o Options) *tracker {
	return &tracker{
		decoder: newDecoder(o),
		stdin:   o.Stdin,
		files:   map[string]*trackedFile{},
		streams: map[string]stream{},
		general: map[string]bool{},
	}
}

// scan reads the files of c. It returns the new state, the new errors and what was mended, and whether
// any of these is news.
func (t *tracker) scan(c *collector, more []*Error) (Update, bool) {
	t.scans++
	present := map[string]bool{}
	for i, e := range c.entries {
		if t.look(e, i) {
			present[e.name] = true
		}
	}
	for name := range t.files {
		if !present[name] && !unknown(name, c.unreadable) {
			delete(t.files, name)
		}
	}
	files := slices.SortedFunc(maps.Values(t.files), func(a, b *trackedFile) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.name, b.name))
	})
	general := append(slices.Clone(c.errs), more...)
	errs := append(t.newGeneral(general), t.settle(files)...)

	var objects []Object
	order := map[string]int{}
	for i, f := range files {
		objects = append(objects, f.good...)
		order[f.name] = i + 1
	}
	same := slices.EqualFunc(t.objects, objects, sameObject)
	if !same {
		t.objects = objects
	}
	sortErrors(errs, order)
	update := Update{Objects: slices.Clone(t.objects), Mended: t.mended(c, general)}
	if len(errs) > 0 {
		update.Errors = asErrors(errs)
	}
	return update, !same || len(errs) > 0 || len(update.Mended) > 0
}

func sameObject(a, b Object) bool {
	return a.Source == b.Source && (a.Object == b.Object || reflect.DeepEqual(a.Object.Object, b.Object.Object))
}

// look reads one file and decodes it if its content is new. false means that it is gone after all.
func (t *tracker) look(e entry, order int) bool {
	data, readErr := t.content(e)
	if readErr != nil && errors.Is(readErr, fs.ErrNotExist) {
		return false
	}
	kind := "content"
	if readErr != nil {
		kind, data = "error", []byte(readErr.Error())
	}
	sum := sha256.Sum256(append([]byte(kind+" "), data...))
	f, known := t.files[e.name]
	if !known {
		f = &trackedFile{name: e.name}
		t.files[e.name] = f
	}
	f.order = order
	if known && f.sum == sum {
		return true
	}
	f.sum, f.changed, f.waiting = sum, t.scans, false
	switch {
	case readErr != nil:
		f.parsed, f.errs = nil, []*Error{readErr}
	case len(f.good) > 0 && len(bytes.TrimSpace(data)) == 0:
		// Whoever writes a file through a shell's ">" empties it first and writes when the content is made.
		f.parsed, f.errs = nil, []*Error{{File: e.name, Message: "the file became empty: its last objects stay", Mend: "remove the file if they are to go"}}
	default:
		f.parsed, f.errs = t.decoder.decode(e.name, data)
	}
	return true
}

func (t *tracker) content(e entry) ([]byte, *Error) {
	if e.once {
		return t.streams[e.name].data, t.streams[e.name].err
	}
	return read(e.name, t.stdin)
}

// newGeneral returns those of the errors that did not hold at the last scan.
func (t *tracker) newGeneral(errs []*Error) []*Error {
	now := map[string]bool{}
	var fresh []*Error
	for _, e := range errs {
		text := e.Error()
		if !t.general[text] && !now[text] {
			fresh = append(fresh, e)
		}
		now[text] = true
	}
	t.general = now
	return fresh
}

// settle decides which files' content becomes their good state, and returns the errors of the content
// that this scan found. A file that is bad in itself keeps its good state. So does one with an object
// that another file has: of two such files the one that changed last is to blame, and of two that
// changed at once the later one in the order. What waits for another file is looked at again each time,
// so that an object can move from file to file in any order of saving.
func (t *tracker) settle(files []*trackedFile) []*Error {
	byAge := slices.Clone(files)
	slices.SortStableFunc(byAge, func(a, b *trackedFile) int {
		if a.waiting != b.waiting {
			if a.waiting {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.changed, b.changed)
	})
	conflicts := map[*trackedFile][]*Error{}
	for {
		f, errs := firstConflict(byAge, conflicts)
		if f == nil {
			break
		}
		// Its good state has to be kept, and may be in the way of another: begin again.
		conflicts[f] = errs
	}
	var found []*Error
	for _, f := range files {
		errs := f.errs
		if len(errs) == 0 {
			errs = conflicts[f]
			f.waiting = len(errs) > 0
			if !f.waiting {
				f.good = f.parsed
			}
		}
		if f.changed == t.scans {
			found = append(found, errs...)
		}
	}
	return found
}

// firstConflict returns the first file whose present content has an object that is taken: by the good
// state of the files that keep theirs, or by a file before it.
func firstConflict(byAge []*trackedFile, conflicts map[*trackedFile][]*Error) (*trackedFile, []*Error) {
	owners := map[identity]Source{}
	var candidates []*trackedFile
	for _, f := range byAge {
		if len(f.errs) == 0 && conflicts[f] == nil {
			candidates = append(candidates, f)
			continue
		}
		for _, o := range f.good {
			owners[identityOf(o)] = o.Source
		}
	}
	for _, f := range candidates {
		r := &report{file: f.name}
		unique(f.parsed, owners, r)
		if len(r.errs) > 0 {
			return f, r.errs
		}
	}
	return nil, nil
}
