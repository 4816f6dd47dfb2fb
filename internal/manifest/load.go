package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
)

// maxFile bounds the bytes of one file or of standard input.
const maxFile = 16 << 20

// Load reads all files that o names, once. The objects come in the order of o.Filenames, lexically
// within folders, and by line within a file.
//
// An error is an errors.Join of *Error: everything that is wrong, by place in the same order, those
// that concern a whole file first; there are no objects then. Wrong are a name that does not exist, a
// folder without manifests, what is no YAML or JSON, a kind that o.Scheme does not have, what its type
// or its validation does not allow, and two documents for one object.
func Load(o Options) ([]Object, error) {
	d := newDecoder(o)
	c := collect(o, false)
	errs := c.errs
	order := map[string]int{}
	var objects []Object
	owners := map[identity]Source{}
	for i, e := range c.entries {
		order[e.name] = i + 1
		data, readErr := read(e.name, o.Stdin)
		if readErr != nil {
			errs = append(errs, readErr)
			continue
		}
		found, fileErrs := d.decode(e.name, data)
		r := &report{file: e.name, errs: fileErrs}
		objects = append(objects, unique(found, owners, r)...)
		errs = append(errs, r.errs...)
	}
	if len(errs) == 0 {
		return objects, nil
	}
	sortErrors(errs, order)
	return nil, errors.Join(asErrors(errs)...)
}

// sortErrors sorts by the order of the files, and by line; names that are no file of the order first.
func sortErrors(errs []*Error, order map[string]int) {
	slices.SortStableFunc(errs, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line))
	})
}

func asErrors(errs []*Error) []error {
	list := make([]error, 0, len(errs))
	for _, e := range errs {
		list = append(list, e)
	}
	return list
}

// read returns the content of a file, or of stdin for "-".
func read(name string, stdin io.Reader) (data []byte, failed *Error) {
	fail := func(err error, mend string) *Error {
		return &Error{File: name, Message: "cannot be read: " + cause(err), Mend: mend, cause: err}
	}
	from := stdin
	if name != stdinName {
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrPermission) {
			return nil, fail(err, "make it readable for kagg")
		}
		if err != nil {
			return nil, fail(err, "")
		}
		defer func() {
			if err := f.Close(); err != nil && failed == nil {
				failed = fail(err, "")
			}
		}()
		from = f
	}
	if from == nil {
		return nil, fail(errors.New("there is no standard input"), "name files instead of -")
	}
	data, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err != nil {
		return nil, fail(err, "")
	}
	if len(data) > maxFile {
		return nil, fail(fmt.Errorf("more than %d MiB", maxFile>>20), "split it")
	}
	return data, nil
}

// Decode reads all objects in the content of one file, which Source names by file. Of o only what says how
// strictly to read is looked at. Errors are as of Load.
func Decode(file string, data []byte, o Options) ([]Object, error) {
	objects, errs := newDecoder(o).decode(file, data)
	if len(errs) > 0 {
		return nil, errors.Join(asErrors(errs)...)
	}
	return objects, nil
}
