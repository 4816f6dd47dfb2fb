package pki

import (
	"os"

	"golang.org/x/sys/windows"
)

// lockExclusive waits for the lock on f, which is held until f is closed.
func lockExclusive(f *os.File) error {
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &windows.Overlapped{})
}
