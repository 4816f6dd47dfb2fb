package process

import "syscall"

// endWithParent has the kernel end the child when this process does without having stopped it: by a panic, by a signal
// that nothing catches, or by force. What the child has started is not reached.
func endWithParent(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
