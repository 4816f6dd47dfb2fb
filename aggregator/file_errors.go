package aggregator

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"sync"

	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/recording"
)

// fileErrors is what is wrong with the watched files now. It is safe for
// concurrent use, and ready to use.
type fileErrors struct {
	mu     sync.Mutex
	byFile map[string][]recording.FileError
}

// follow takes an update in: new errors of a file take the place of its old ones.
func (f *fileErrors) follow(u manifest.Update) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range u.Mended {
		delete(f.byFile, name)
	}
	fresh := map[string][]recording.FileError{}
	for _, err := range u.Errors {
		if e, ok := errors.AsType[*manifest.Error](err); ok {
			fresh[e.File] = append(fresh[e.File], recording.FileError{File: whole(e.File), Line: e.Line, Field: e.Field, Message: e.Message, Mend: e.Mend})
		}
	}
	for name, errs := range fresh {
		if f.byFile == nil {
			f.byFile = map[string][]recording.FileError{}
		}
		f.byFile[name] = errs
	}
}

// whole is a file's whole path, which means the same to who reads it elsewhere.
func whole(file string) string {
	if absolute, err := filepath.Abs(file); err == nil && file != "-" {
		return absolute
	}
	return file
}

// list returns the errors by file and line.
func (f *fileErrors) list() []recording.FileError {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []recording.FileError
	for _, errs := range f.byFile {
		out = append(out, errs...)
	}
	slices.SortFunc(out, func(a, b recording.FileError) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
	return out
}
