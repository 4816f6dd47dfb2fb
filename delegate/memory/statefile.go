package memory

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The state folder holds one snapshot and the journals of what was written since.
const (
	snapshotFile  = "snapshot"
	journalFormat = "journal-%08d"
	fileMode      = 0o600
	folderMode    = 0o700
)

// magic and fileHeader begin every file: who wrote it, and in which format.
const (
	magic      = "kagg objects "
	fileHeader = magic + "1\n"
)

// checkHeader tells what is wrong with the beginning of a file; errTorn, that it is not complete.
func checkHeader(content []byte) error {
	if bytes.HasPrefix(content, []byte(fileHeader)) {
		return nil
	}
	if bytes.HasPrefix([]byte(fileHeader), content) || zero(content) {
		return errTorn
	}
	if line, _, ok := bytes.Cut(content, []byte("\n")); ok && bytes.HasPrefix(line, []byte(magic)) && len(line) < 64 {
		return formatError(line[len(magic):])
	}
	return errors.New("it does not begin as a file of kagg")
}

// formatError is the format of a file that another kagg wrote.
type formatError string

func (e formatError) Error() string { return fmt.Sprintf("it has format %q", string(e)) }

// parseFile calls f for each record of a file, in order. It returns how many bytes of content are good; all
// of them, unless the error is errTorn or says what is damaged behind them.
func parseFile(content []byte, f func(record) error) (good int, err error) {
	if err := checkHeader(content); err != nil {
		return 0, err
	}
	good = len(fileHeader)
	for good < len(content) {
		r, size, err := parseRecord(content[good:])
		if err != nil {
			return good, err
		}
		if err := f(r); err != nil {
			return good, err
		}
		good += size
	}
	return good, nil
}

// damaged is the error of a file that cannot be read, with the mend.
func damaged(file string, at int, err error) error {
	folder := filepath.Dir(file)
	if other, ok := errors.AsType[formatError](err); ok {
		return fmt.Errorf("the state file %q has format %q, and this kagg reads format %q: use the kagg that wrote it, or move the folder %q away to begin without its objects",
			file, string(other), fileHeader[len(magic):len(fileHeader)-1], folder)
	}
	return fmt.Errorf("the state file %q is damaged at byte %d: %w: bring back a copy of the folder %q, or move it away to begin without its objects", file, at, err, folder)
}

// writeFile makes a file of content that is on the disk when it returns, in place of the one of that name.
func writeFile(folder, name string, content func(write func([]byte) error) error) (err error) {
	f, err := os.CreateTemp(folder, name+".tmp-") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreClosed(f.Close()), os.Remove(f.Name()))
		}
	}()
	if err := content(func(b []byte) error { _, err := f.Write(b); return err }); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(folder, name)); err != nil {
		return err
	}
	return syncFolder(folder)
}

func ignoreClosed(err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return nil
	}
	return err
}

// syncFolder puts the names in a folder on the disk.
func syncFolder(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	// Some file systems refuse to sync folders; they keep names without it.
	_ = d.Sync()
	return d.Close()
}
