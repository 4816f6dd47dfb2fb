package pki

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func (s *State) lockFile() string {
	return filepath.Join(s.Dir, "pki", ".lock")
}

// errHeld is what lockExclusive returns for a lock that it was not to wait for.
var errHeld = errors.New("another process holds it")

// HeldError says that another process serves from a state folder.
type HeldError struct{ Dir string }

// Error names the folder and the mend.
func (e *HeldError) Error() string {
	return fmt.Sprintf("another kagg serves from the state folder %q: stop it, or name another folder with --state-dir", e.Dir)
}

// lock waits until no other goroutine or process works on the folder, and returns what ends the work.
func (s *State) lock() (unlock func() error, err error) {
	return s.take(s.lockFile(), true)
}

// Hold takes the folder for a process that serves from it, until release is called or the process ends.
// It does not wait: a folder that another process serves from is a *HeldError, since the two would write each
// other's kubeconfigs over. Ensure and IssueServing work on a held folder too.
func (s *State) Hold() (release func() error, err error) {
	release, err = s.take(filepath.Join(s.Dir, "pki", ".serving"), false)
	if errors.Is(err, errHeld) {
		return nil, &HeldError{s.Dir}
	}
	return release, err
}

// take takes the lock of one file. The operating system drops the lock of a process that dies, so a stale
// file blocks nobody; the file itself stays, since removing it would let two processes hold "the" lock on
// two different files.
func (s *State) take(file string, wait bool) (unlock func() error, err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, keyMode)
	if err != nil {
		return nil, fmt.Errorf("lock state folder %q: %w", s.Dir, err)
	}
	if err := lockExclusive(f, wait); err != nil {
		return nil, errors.Join(fmt.Errorf("lock state folder %q with %q: %w", s.Dir, f.Name(), err), f.Close())
	}
	return func() error {
		if err := f.Close(); err != nil {
			return fmt.Errorf("unlock state folder %q: %w", s.Dir, err)
		}
		return nil
	}, nil
}
