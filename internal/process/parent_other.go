//go:build unix && !linux

package process

import "syscall"

// endWithParent does nothing: only Linux ends the child with its parent.
func endWithParent(*syscall.SysProcAttr) {}
