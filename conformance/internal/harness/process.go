package harness

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// stopGrace is how long a program may take to end after SIGTERM: kagg gives requests
// that run ten seconds, and the machine may be busy with other tests.
const stopGrace = 30 * time.Second

// stacksGrace is how long a program that did not end may take to print its stacks.
const stacksGrace = 10 * time.Second

// Process is a program that runs in the background of a test.
type Process struct {
	// Name is what failures call the program.
	Name string

	cmd    *exec.Cmd
	output *Output
	done   chan struct{}
	err    error // how it ended; read after done is closed
}

// startProcess runs cmd and stops it when the test ends. What it printed is logged
// if the test failed.
func startProcess(t testing.TB, name string, cmd *exec.Cmd) *Process {
	t.Helper()
	return startProcessTo(t, name, cmd, nil)
}

// startProcessTo is startProcess with what cmd prints to stdout written elsewhere;
// that is closed when cmd ends.
func startProcessTo(t testing.TB, name string, cmd *exec.Cmd, stdout io.WriteCloser) *Process {
	t.Helper()
	p := &Process{Name: name, cmd: cmd, output: newOutput(), done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.output, p.output
	if stdout != nil {
		cmd.Stdout = stdout
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("cannot start %s: %v", name, err)
	}
	go func() {
		defer close(p.done)
		p.err = cmd.Wait()
		p.output.close()
		if stdout != nil {
			// A pipe's end, which cannot fail.
			_ = stdout.Close()
		}
	}()
	t.Cleanup(func() {
		p.Stop(t)
		if t.Failed() {
			t.Logf("%s (%s) printed:\n%s", name, strings.Join(cmd.Args[1:], " "), p.output.String())
		}
	})
	return p
}

// Output is what the program has printed so far, stdout and stderr together.
func (p *Process) Output() *Output { return p.output }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends the program with SIGTERM and waits for it. It fails the test when the
// program does not end in time, lets it print the stacks of its goroutines, and kills
// it. To stop a program that has ended does nothing.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("cannot stop %s: %v", p.Name, err)
	}
	select {
	case <-p.done:
		return
	case <-time.After(stopGrace):
		t.Errorf("%s did not end within %s of SIGTERM", p.Name, stopGrace)
	}
	// It may have ended just now; then there is nothing to ask or to kill.
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(stacksGrace):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// ExitCode waits for the program to end and returns its exit code, -1 when a
// signal ended it.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Output collects what a program prints and lets a test wait for a text. It is safe
// for concurrent use.
type Output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	closed  bool
	changed chan struct{}
}

func newOutput() *Output { return &Output{changed: make(chan struct{})} }

// Write adds p.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wake()
	return o.buf.Write(p)
}

// String is all that was printed so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// Await waits until accept is true for all that was printed so far, and fails the
// test when the program ends or timeout is over before that. what says what was
// waited for.
func (o *Output) Await(t testing.TB, timeout time.Duration, what string, accept func(printed string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	for {
		o.mu.Lock()
		printed, closed, changed := o.buf.String(), o.closed, o.changed
		o.mu.Unlock()
		if accept(printed) {
			return
		}
		if closed {
			t.Fatalf("the program ended before %s; it printed:\n%s", what, printed)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("%s did not happen within %s; printed so far:\n%s", what, timeout, printed)
		}
	}
}

// AwaitText is Await for a text to appear.
func (o *Output) AwaitText(t testing.TB, timeout time.Duration, text string) {
	t.Helper()
	o.Await(t, timeout, "printing "+text, func(printed string) bool { return strings.Contains(printed, text) })
}

// AwaitLine is AwaitText, and returns the line when all of it is there.
func (o *Output) AwaitLine(t testing.TB, timeout time.Duration, text string) string {
	t.Helper()
	var found string
	o.Await(t, timeout, "printing a line with "+text, func(printed string) bool {
		for line := range strings.Lines(printed) {
			if whole, ok := strings.CutSuffix(line, "\n"); ok && strings.Contains(whole, text) {
				found = whole
				return true
			}
		}
		return false
	})
	return found
}

func (o *Output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.wake()
}

// wake tells whoever waits that there is news. mu is held.
func (o *Output) wake() {
	close(o.changed)
	o.changed = make(chan struct{})
}
