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

// lock waits until no other goroutine or process works on the folder, and returns what ends the work.
// The operating system drops the lock of a process that dies, so a stale file blocks nobody; the file
// itself stays, since removing it would let two processes hold "the" lock on two different files.
func (s *State) lock() (unlock func() error, err error) {
	f, err := os.OpenFile(s.lockFile(), os.O_CREATE|os.O_RDWR, keyMode)
	if err != nil {
		return nil, fmt.Errorf("lock state folder %q: %w", s.Dir, err)
	}
	if err := lockExclusive(f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock state folder %q with %q: %w", s.Dir, f.Name(), err), f.Close())
	}
	return func() error {
		if err := f.Close(); err != nil {
			return fmt.Errorf("unlock state folder %q: %w", s.Dir, err)
		}
		return nil
	}, nil
}
