package process_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kagg-project/kagg/internal/process"
)

// roleVariable makes the test binary play a child.
const roleVariable = "KAGG_PROCESS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "prints":
		for i := range 1150 {
			fmt.Println("line", i)
		}
		fmt.Fprintln(os.Stderr, "last", os.Getenv("KAGG_PROCESS_TEST_WORD"))
		os.Exit(3)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("ready")
		time.Sleep(time.Minute)
	case "parent":
		// The grandchild holds the connection open for as long as it lives.
		child := exec.Command(os.Args[0], os.Args[1:]...)
		child.Env = append(os.Environ(), roleVariable+"=grandchild")
		if err := child.Start(); err != nil {
			panic(err)
		}
		_ = child.Wait()
	case "killed":
		if _, err := process.Start(process.Options{
			Command: []string{os.Args[0]}, Env: []string{roleVariable + "=grandchild"},
		}); err != nil {
			panic(err)
		}
		time.Sleep(time.Minute)
	case "grandchild":
		signal.Ignore(syscall.SIGTERM)
		conn, err := net.Dial("tcp", os.Getenv("KAGG_PROCESS_TEST_WORD"))
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, conn)
	}
}

func start(t *testing.T, role, word string, output io.Writer) *process.Process {
	t.Helper()
	p, err := process.Start(process.Options{
		Command: []string{os.Args[0]}, Env: []string{roleVariable + "=" + role, "KAGG_PROCESS_TEST_WORD=" + word}, Output: output,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(0) })
	return p
}

func TestOutputAndEnd(t *testing.T) {
	t.Parallel()
	var all bytes.Buffer
	p := start(t, "prints", "word", &all)
	if got := p.Ended(); got != "exit code 3" {
		t.Errorf("ended with %q", got)
	}
	lines := strings.Split(p.Tail(), "\n")
	if len(lines) != 1000 || lines[999] != "last word" || lines[0] != "line 151" {
		t.Errorf("the tail has %d lines, from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
	if n := strings.Count(all.String(), "\n"); n != 1151 {
		t.Errorf("%d lines were passed on, want 1151", n)
	}
}

// A long output must not be kept, and its newest part must be.
func TestTailIsBounded(t *testing.T) {
	t.Parallel()
	p := start(t, "prints", strings.Repeat("x", 100_000), nil)
	<-p.Done()
	if got := p.Tail(); !strings.HasSuffix(got, "xxx") || len(got) > 200_000 {
		t.Errorf("the tail has %d bytes", len(got))
	}
}

func TestStopEndsByForceAfterTheGrace(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("every end is by force there")
	}
	out := &notifier{written: make(chan struct{}, 1)}
	p := start(t, "stubborn", "", out)
	<-out.written
	begin := time.Now()
	p.Stop(100 * time.Millisecond)
	if took := time.Since(begin); took < 100*time.Millisecond || took > 20*time.Second {
		t.Errorf("it ended after %s", took)
	}
	if got := p.Ended(); got != "signal: killed" {
		t.Errorf("ended with %q", got)
	}
}

func TestStopEndsGrandchildren(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there are no process groups")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	p := start(t, "parent", l.Addr().String(), nil)
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p.Stop(50 * time.Millisecond)
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the grandchild lives on: %v", err)
	}
}

// Who is ended by force cannot stop its child any more.
func TestChildEndsWithItsParent(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("no other system does it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), roleVariable+"=killed", "KAGG_PROCESS_TEST_WORD="+l.Addr().String())
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	// Long enough for a thread of the parent that is not needed any more to be gone.
	time.Sleep(100 * time.Millisecond)
	if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Fatalf("the child has ended before: %v", err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the child lives on: %v", err)
	}
}

func TestWhatCannotStart(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/data"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for command, says := range map[string]string{
		"no-such-program-at-all": "no such program in the PATH",
		"./no-such-file":         "no such file",
		file:                     "may not be executed",
		"":                       "no command",
	} {
		if runtime.GOOS == "windows" && command == file {
			continue
		}
		if _, err := process.Start(process.Options{Command: []string{command}}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", command, err, says)
		}
	}
}

// notifier tells of the first write.
type notifier struct{ written chan struct{} }

func (n *notifier) Write(b []byte) (int, error) {
	select {
	case n.written <- struct{}{}:
	default:
	}
	return len(b), nil
}
