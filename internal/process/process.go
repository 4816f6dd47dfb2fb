package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// outputGrace is how long a grandchild that still holds the output open may keep the end of the child from being
// noticed.
const outputGrace = 2 * time.Second

// Options say what to run.
type Options struct {
	// Command is the program, as the PATH finds it, and its arguments.
	Command []string
	// Env are "NAME=value" beside, and in place of, those of this process.
	Env []string
	// Output gets all that the child prints, standard output and standard error, as it comes; nil: nobody does. It
	// need not be safe for concurrent use, and a write that fails is not tried again.
	Output io.Writer
}

// Process is a child. It is safe for concurrent use.
type Process struct {
	cmd  *exec.Cmd
	tail *tail
	done chan struct{}
	err  error // how it ended; read after done is closed
}

// Start starts the child. Its standard input is empty. It runs until it ends or Stop is called: whoever starts it
// must call Stop. The error names the program and says what is wrong with it.
func Start(o Options) (*Process, error) {
	if len(o.Command) == 0 || o.Command[0] == "" {
		return nil, errors.New("there is no command to run")
	}
	p := &Process{tail: &tail{next: o.Output}, done: make(chan struct{})}
	p.cmd = exec.Command(o.Command[0], o.Command[1:]...) //nolint:gosec,noctx // the user's own command; Stop ends it, gently at first
	p.cmd.Env = append(os.Environ(), o.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.tail, p.tail
	p.cmd.WaitDelay = outputGrace
	ownGroup(p.cmd)
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, cannotStart(o.Command[0], err)
	}
	return p, nil
}

// run starts the child, and sees it end.
func (p *Process) run(started chan<- error) {
	// Where the system ends the child with this process, it does so with the thread that started it: that one has to
	// live as long.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	defer close(p.done)
	err = p.cmd.Wait()
	// What it leaves behind would be nobody's. At once: later its number may be another's.
	kill(p.cmd)
	// A grandchild that held the output open is no failure of the child.
	if !errors.Is(err, exec.ErrWaitDelay) {
		p.err = err
	}
}

func cannotStart(program string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("cannot start %q: there is no such program in the PATH: give its path, as ./%s", program, program)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("cannot start %q: there is no such file: build it first, or give its path", program)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("cannot start %q: it may not be executed: chmod +x it, or run it by its interpreter", program)
	}
	return fmt.Errorf("cannot start %q: %w", program, err)
}

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended waits for the end of the child and says how it ended, as "exit code 1" or "signal: killed".
func (p *Process) Ended() string {
	<-p.done
	var exit *exec.ExitError
	switch {
	case p.err == nil:
		return "exit code 0"
	case errors.As(p.err, &exit) && exit.ExitCode() >= 0:
		return fmt.Sprintf("exit code %d", exit.ExitCode())
	}
	return p.err.Error()
}

// Tail is the newest of what the child printed, at most 1000 lines, without the last line's end.
func (p *Process) Tail() string { return p.tail.String() }

// Stop asks the child and what it has started to end, ends by force what has not done so after the grace, and returns
// when the child has ended.
func (p *Process) Stop(grace time.Duration) {
	select {
	case <-p.done:
		return
	default:
	}
	terminate(p.cmd)
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
	kill(p.cmd)
	<-p.done
}

// String is the command line.
func (p *Process) String() string { return strings.Join(p.cmd.Args, " ") }
