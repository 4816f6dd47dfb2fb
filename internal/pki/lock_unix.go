//go:build unix && !solaris && !aix

package pki

import (
	"errors"
	"os"
	"syscall"
)

// lockExclusive takes the lock on f, which is held until f is closed. The lock belongs to the open file,
// not to the process, so it also keeps two goroutines apart. One that is held by another is waited for,
// or is errHeld.
func lockExclusive(f *os.File, wait bool) error {
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		switch err := syscall.Flock(int(f.Fd()), how); {
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errHeld
		case !errors.Is(err, syscall.EINTR):
			return err
		}
	}
}
