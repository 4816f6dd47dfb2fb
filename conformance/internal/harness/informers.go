package harness

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kagg-project/kagg/conformance/releases/informers"
)

// InformersProgram is a program that runs informers of a release of client-go.
type InformersProgram struct {
	// Release is the release of client-go, such as "v0.27".
	Release string
	// Encodings are what they ask for, with commas.
	Encodings string
	// Env turns features of client-go on and off, as NAME=VALUE.
	Env []string
}

// Informers are running informers.
type Informers struct {
	*Process

	requests io.Writer
	answers  *bufio.Reader
}

// Start runs the informers on every kind that k serves.
func (p InformersProgram) Start(t testing.TB, k *Kagg) *Informers {
	t.Helper()
	args := []string{"-kubeconfig=" + k.Kubeconfig, "-encodings=" + p.Encodings}
	var cmd *exec.Cmd
	if p.Release == "v0.37" {
		cmd = roleCommand(t, roleInformers, args...)
	} else {
		// Stopped by the cleanup of startProcess, after the test's context has ended.
		cmd = exec.Command(Program(t, "releases/"+p.Release+"/informers"), args...) //nolint:noctx,gosec // See above; the program was built here.
		cmd.Env = cmd.Environ()
	}
	cmd.Env = append(cmd.Env, p.Env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, answers := io.Pipe()
	i := &Informers{requests: stdin, answers: bufio.NewReader(stdout)}
	i.Process = startProcessTo(t, "informers "+p.Release, cmd, answers)
	return i
}

// Compare waits until every informer holds what is wanted, and returns how it ended.
func (i *Informers) Compare(want informers.State, timeout time.Duration) (informers.Answer, error) {
	var answer informers.Answer
	request, err := json.Marshal(informers.Request{Want: want, TimeoutSeconds: timeout.Seconds()})
	if err != nil {
		return answer, err
	}
	if _, err := i.requests.Write(append(request, '\n')); err != nil {
		return answer, fmt.Errorf("%s: %w", i.Name, err)
	}
	line, err := i.answers.ReadBytes('\n')
	if err != nil {
		return answer, fmt.Errorf("%s: %w\n%s", i.Name, err, i.Output())
	}
	return answer, json.Unmarshal(line, &answer)
}

// Pause stops the program where it is, until Resume or the end of the test: it reads
// nothing that it is sent.
func (i *Informers) Pause(t testing.TB) {
	t.Helper()
	// A stopped program would not hear SIGTERM. It may have ended by then.
	t.Cleanup(func() { _ = i.cmd.Process.Signal(syscall.SIGCONT) })
	i.signal(t, syscall.SIGSTOP)
}

// Resume ends a Pause.
func (i *Informers) Resume(t testing.TB) { i.signal(t, syscall.SIGCONT) }

func (i *Informers) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := i.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("%s: %v", i.Name, err)
	}
}

// Head is the first lines of a long list, to be printed.
func Head(lines []string, n int) string {
	if len(lines) > n {
		lines = append(lines[:n:n], fmt.Sprintf("and %d more", len(lines)-n))
	}
	return strings.Join(lines, "\n")
}
