package main

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// mainVariable makes the test binary kagg itself.
const mainVariable = "KAGG_TEST_MAIN"

// A terminal that is closed ends kagg as an interrupt does: nothing is left behind.
func TestHangupStopsGently(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there are no such signals")
	}
	folder := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "merge", "discovery", "--bare", "--", "sleep", "60")
	cmd.Env = append(os.Environ(), mainVariable+"=1", "TMPDIR="+folder)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "waiting for sleep") {
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	last := ""
	for lines.Scan() {
		last = lines.Text()
	}
	_ = cmd.Wait() // its exit code is looked at
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(last, "interrupted") {
		t.Errorf("ended with %s, saying %q", cmd.ProcessState, last)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
