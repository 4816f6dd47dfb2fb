package manifest

import (
	"path/filepath"
	"slices"
	"strings"
)

// mended returns, sorted, the names of which errors were reported and none holds any more, and forgets
// them. Every error that holds now counts as reported: this scan or an earlier one did.
func (t *tracker) mended(c *collector, general []*Error) []string {
	bad := map[string]bool{}
	for _, e := range general {
		if !e.passing {
			bad[e.File] = true
		}
	}
	for name, f := range t.files {
		if len(f.errs) > 0 || f.waiting {
			bad[name] = true
		}
	}
	var mended []string
	for name := range t.reported {
		switch {
		case bad[name]:
		case t.files[name] == nil && c.undecided(name):
			bad[name] = true
		default:
			mended = append(mended, name)
		}
	}
	t.reported = bad
	slices.Sort(mended)
	return mended
}

// undecided reports whether it is not known if a name that is no file now was removed: it went between
// listing and reading, or a folder above is away or cannot be read, which is no mending of what it held.
func (c *collector) undecided(name string) bool {
	return slices.ContainsFunc(c.entries, func(e entry) bool { return e.name == name }) ||
		slices.ContainsFunc(c.errs, func(e *Error) bool { return e.cause != nil && within(name, e.File) })
}

// unknown reports whether a file is, or lies in, one of the folders that could not be listed.
func unknown(name string, unreadable []string) bool {
	return slices.ContainsFunc(unreadable, func(folder string) bool { return within(name, folder) })
}

// within reports whether a name is that of a folder or lies below it. They may be relative, and then
// what lies in the folder "." does not begin with its name.
func within(name, folder string) bool {
	if name == folder {
		return true
	}
	absolute, err := filepath.Abs(name)
	if err != nil {
		return false
	}
	above, err := filepath.Abs(folder)
	if err != nil {
		return false
	}
	const separator = string(filepath.Separator)
	return absolute == above || strings.HasPrefix(absolute, strings.TrimSuffix(above, separator)+separator)
}
