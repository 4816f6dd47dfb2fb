package harness

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Kubectl is a kubectl with a kubeconfig and a home of its own, so that no cache
// of an earlier server on the same port is read.
type Kubectl struct {
	kubeconfig string
	home       string
}

// NewKubectl returns a kubectl that uses the kubeconfig file.
func NewKubectl(t testing.TB, kubeconfig string) *Kubectl {
	t.Helper()
	return &Kubectl{kubeconfig: kubeconfig, home: t.TempDir()}
}

// Result is how a run of kubectl ended.
type Result struct {
	// Stdout and Stderr are what was printed.
	Stdout, Stderr string
	// Code is the exit code.
	Code int
}

// Call is one run of kubectl, to be completed before it runs.
type Call struct {
	kubectl *Kubectl
	args    []string
	stdin   string
	env     []string
}

// Command prepares a run of kubectl with these arguments.
func (k *Kubectl) Command(args ...string) *Call { return &Call{kubectl: k, args: args} }

// WithInput gives kubectl something to read on standard input.
func (c *Call) WithInput(stdin string) *Call {
	c.stdin = stdin
	return c
}

// WithEnv adds NAME=VALUE to the environment.
func (c *Call) WithEnv(variable string) *Call {
	c.env = append(c.env, variable)
	return c
}

// Run runs kubectl to its end, whatever its exit code.
func (c *Call) Run(t testing.TB) Result {
	t.Helper()
	cmd := c.command(t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("cannot run kubectl %s: %v", strings.Join(c.args, " "), err)
	}
	return Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

// Out runs kubectl, fails the test unless it succeeds, and returns its stdout.
func (c *Call) Out(t testing.TB) string {
	t.Helper()
	r := c.Run(t)
	if r.Code != 0 {
		t.Fatalf("kubectl %s: exit code %d\nstdout: %s\nstderr: %s", strings.Join(c.args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Fail runs kubectl, fails the test if it succeeds, and returns its stderr.
func (c *Call) Fail(t testing.TB) string {
	t.Helper()
	r := c.Run(t)
	if r.Code == 0 {
		t.Fatalf("kubectl %s succeeded, a failure was wanted\nstdout: %s", strings.Join(c.args, " "), r.Stdout)
	}
	return r.Stderr
}

// Start runs kubectl in the background, such as get -w.
func (c *Call) Start(t testing.TB) *Process {
	t.Helper()
	return startProcess(t, "kubectl", c.command(t))
}

func (c *Call) command(t testing.TB) *exec.Cmd {
	t.Helper()
	cmd := roleCommand(t, roleKubectl, c.args...)
	cmd.Stdin = strings.NewReader(c.stdin)
	cmd.Env = append(cmd.Env,
		"HOME="+c.kubectl.home,
		"KUBECONFIG="+c.kubectl.kubeconfig,
		"KUBECACHEDIR="+c.kubectl.home+"/cache",
	)
	cmd.Env = append(cmd.Env, c.env...)
	return cmd
}

// roleCommand is the test binary in a role.
func roleCommand(t testing.TB, role string, args ...string) *exec.Cmd {
	t.Helper()
	// Not bound to the test's context: that ends before cleanup, and cleanup stops
	// the program gently.
	cmd := exec.Command(self(t), args...) //nolint:noctx,gosec // See above; the program is this one.
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// self is the test binary.
func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatalf("cannot find the test binary: %v", err)
	}
	return path
}
