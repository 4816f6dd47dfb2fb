//go:build unix

package recording_test

import (
	"syscall"
	"testing"
)

func mkfifo(_ *testing.T, name string) error { return syscall.Mkfifo(name, 0o600) }
