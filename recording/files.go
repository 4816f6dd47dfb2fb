package recording

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// Files are the files of a recording: contents by slash-separated path below its folder.
type Files map[string][]byte

// maxFiles bounds what is read of a tar archive in all, in bytes: it may come from a bug report.
const maxFiles = 4 << 30

// Paths returns the paths, sorted.
func (f Files) Paths() []string { return slices.Sorted(maps.Keys(f)) }

// WriteTar writes the files as a tar archive. Equal files give equal archives.
func (f Files) WriteTar(w io.Writer) error {
	archive := tar.NewWriter(w)
	for _, name := range f.Paths() {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(f[name]))}); err != nil {
			return fmt.Errorf("record %s: %w", name, err)
		}
		if _, err := archive.Write(f[name]); err != nil {
			return fmt.Errorf("record %s: %w", name, err)
		}
	}
	return archive.Close()
}

// ReadTar reads what WriteTar wrote. An archive with a path that leads out of its folder is an error.
func ReadTar(r io.Reader) (Files, error) {
	files, total := Files{}, int64(0)
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the recording cannot be read: %w", err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		name := path.Clean(header.Name)
		if !fs.ValidPath(name) {
			return nil, fmt.Errorf("the recording has a file %q, which is outside of its folder", header.Name)
		}
		if total += header.Size; total > maxFiles {
			return nil, fmt.Errorf("the recording has more than %d MiB", maxFiles>>20)
		}
		if files[name], err = io.ReadAll(archive); err != nil {
			return nil, fmt.Errorf("the recording cannot be read: %s: %w", name, err)
		}
	}
}

// Write writes the files into a folder, which is made if it is missing. A folder that holds anything but a recording is
// refused; an older recording in it is replaced. The files are private: what APIs a backend serves may be nobody's
// business.
func (f Files) Write(folder string) error {
	for _, name := range f.Paths() {
		if !fs.ValidPath(name) {
			return fmt.Errorf("record to %s: %q is no path below a folder", folder, name)
		}
	}
	if err := clear(folder); err != nil {
		return err
	}
	for _, name := range f.Paths() {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fmt.Errorf("record to %s: %w", folder, err)
		}
		if err := os.WriteFile(file, f[name], 0o600); err != nil {
			return fmt.Errorf("record to %s: %w", folder, err)
		}
	}
	return nil
}

// own are the names on the top level of a recording that is written. A folder without backends is none of kagg's.
var own = []string{objectsFile, backendsFolder, localFolder}

// clear removes an older recording.
func clear(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("record to %s: %w", folder, err)
	}
	if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(serverFile))); err != nil && len(entries) > 0 {
		return fmt.Errorf("record to %s: it is not empty, and holds no recording of kagg's, which would have %s: name another folder", folder, serverFile)
	}
	for _, e := range entries {
		if !slices.Contains(own, e.Name()) {
			return fmt.Errorf("record to %s: it holds %s, which is no part of a recording: name another folder, or an empty one", folder, e.Name())
		}
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
			return fmt.Errorf("record to %s: %w", folder, err)
		}
	}
	return nil
}

// readFolder reads a part of a recording below a folder; a part that does not exist has no files, nor has what is no
// folder.
func (f Files) readFolder(folder, part string) error {
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		return nil
	}
	below := os.DirFS(folder)
	err := fs.WalkDir(below, part, func(name string, entry fs.DirEntry, err error) error {
		if err != nil && name == part && errors.Is(err, fs.ErrNotExist) {
			return fs.SkipAll
		}
		if err != nil || entry.IsDir() {
			return err
		}
		// What a link leads to counts. A pipe would be waited for.
		info, err := fs.Stat(below, name)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is no regular file", name)
		}
		f[name], err = fs.ReadFile(below, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the recording in %s: %w", folder, err)
	}
	return nil
}
