//go:build unix && !solaris && !aix

package pki

import (
	"errors"
	"os"
	"syscall"
)

// lockExclusive waits for the lock on f, which is held until f is closed. The lock belongs to the open
// file, not to the process, so it also keeps two goroutines apart.
func lockExclusive(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
