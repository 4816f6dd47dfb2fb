package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// entry is one file to read.
type entry struct {
	name string // as reported
	once bool   // a stream, such as standard input or a pipe: it can be read but once
}

// collector turns the names given into the files to read.
type collector struct {
	recursive bool
	// watching has it note the folders and links that a watch must look at; reading once needs none.
	watching bool

	entries []entry
	errs    []*Error
	// unreadable are folders that are there but could not be listed; what they hold is not known.
	unreadable []string
	places     places
	seen       map[string]bool // real names of what was taken
}

// collect lists the files of all names, each once, in the order of the names and lexically in folders.
func collect(o Options, watching bool) *collector {
	c := &collector{recursive: o.Recursive, watching: watching, seen: map[string]bool{}, places: newPlaces()}
	for _, name := range o.Filenames {
		if name == stdinName {
			c.take(entry{name, true}, stdinName)
			continue
		}
		c.named(filepath.Clean(name))
	}
	return c
}

func (c *collector) fail(name, message, mend string, cause error) {
	c.errs = append(c.errs, &Error{File: name, Message: message, Mend: mend, cause: cause})
}

// take adds a file unless its real name was seen.
func (c *collector) take(e entry, realName string) {
	if !c.seen[realName] {
		c.seen[realName] = true
		c.entries = append(c.entries, e)
	}
}

// named takes a file or folder that was named by the user.
func (c *collector) named(name string) {
	if c.watching {
		c.places.trace(name)
	}
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.fail(name, "no such file or folder", "create it, or correct the name", err)
	case err != nil:
		c.unreadable = append(c.unreadable, name)
		c.fail(name, "cannot be read: "+cause(err), "", err)
	case !info.IsDir():
		c.file(name, info)
	default:
		errsBefore := len(c.errs)
		if !c.folder(name) && len(c.errs) == errsBefore {
			mend := "put a .yaml, .yml or .json file there"
			if !c.recursive {
				mend += ", or give -R to read its subfolders"
			}
			c.fail(name, "no manifest in the folder", mend, nil)
		}
	}
}

func (c *collector) file(name string, info fs.FileInfo) {
	resolved, err := filepath.EvalSymlinks(name)
	if err != nil {
		resolved = name
	}
	if absolute, err := filepath.Abs(resolved); err == nil {
		resolved = absolute
	}
	c.places.files[resolved] = true
	c.take(entry{name, !info.Mode().IsRegular()}, resolved)
}

// folder takes the manifests of a folder, and reports whether it has any.
func (c *collector) folder(name string) bool {
	resolved, err := filepath.EvalSymlinks(name)
	if err == nil {
		resolved, err = filepath.Abs(resolved)
	}
	if err != nil {
		c.unreadable = append(c.unreadable, name)
		c.fail(name, "cannot be read: "+cause(err), "", err)
		return false
	}
	if c.seen[resolved] {
		// Given twice, or a link back to a folder above.
		return true
	}
	c.seen[resolved] = true
	c.places.folders[resolved] = true
	list, err := os.ReadDir(name)
	if err != nil {
		c.unreadable = append(c.unreadable, name)
		c.fail(name, "folder cannot be read: "+cause(err), "make it readable for kagg", err)
		return false
	}
	found := false
	for _, e := range list {
		if ignored(e.Name()) {
			continue
		}
		full := filepath.Join(name, e.Name())
		link := e.Type()&fs.ModeSymlink != 0
		manifest := isManifest(e.Name())
		if link && c.watching && (manifest || c.recursive) {
			c.places.trace(full)
		}
		info, err := os.Stat(full)
		switch {
		case err != nil && manifest && link:
			c.fail(full, "cannot be read: "+cause(err), "mend or remove the symbolic link", err)
		case err != nil:
			// Gone since the folder was listed, or nothing that would be read.
		case info.IsDir():
			found = c.recursive && c.folder(full) || found
		case manifest && info.Mode().IsRegular():
			c.file(full, info)
			found = true
		}
	}
	return found
}

// ignored reports names that folders hide, and that editors leave: a.swp, a~, #a#, and 4913, by which
// vim tries out whether it may write.
func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#")
}

// isManifest goes by the file name's extension, as kubectl does in folders.
func isManifest(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) && !ignored(name)
}

// cause is an error of the operating system without the operation and the name, which the report has.
func cause(err error) string {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err.Error()
	}
	return err.Error()
}
