package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stopGrace is how long a server may take to end after SIGTERM.
const stopGrace = 15 * time.Second

// clockTick is the unit of CPU time in /proc, the same on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// process is a server that runs.
type process struct {
	name   string
	log    string
	cmd    *exec.Cmd
	ended  chan struct{}
	begun  time.Time
	halted bool
}

// startProcess runs a program whose output goes to the file log.
func startProcess(ctx context.Context, name, log, program string, args ...string) (*process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()                // the program has its own handle
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // the programs under test
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	p := &process{name: name, log: log, cmd: cmd, ended: make(chan struct{}), begun: time.Now()}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = cmd.Wait() // who waits for an answer tells of one that ended
		close(p.ended)
	}()
	return p, nil
}

// stop ends the process and waits for it.
func (p *process) stop() {
	if p.halted {
		return
	}
	p.halted = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(stopGrace):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// check fails when the process has ended, with what it printed last.
func (p *process) check() error {
	select {
	case <-p.ended:
	default:
		return nil
	}
	printed, err := os.ReadFile(p.log)
	if err != nil {
		return err
	}
	printed = bytes.TrimSpace(printed)
	return fmt.Errorf("%s ended (%s) and printed last:\n%s", p.name, p.cmd.ProcessState, printed[max(0, len(printed)-2000):])
}

// cpu is the CPU time that the process has used, user and system, in steps of clockTick.
func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, errors.Join(p.check(), err)
	}
	// The second field is a name in parentheses, which may hold anything.
	_, after, ok := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("%s: /proc has %q", p.name, stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return 0, err
	}
	return time.Duration(user+system) * clockTick, nil
}

// resident is the memory of the process that is in RAM, in bytes: now, and at most so far.
func (p *process) resident() (now, most float64, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, errors.Join(p.check(), err)
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: /proc has %q: %w", p.name, line, err)
		}
		if name == "VmRSS" {
			now = kib * 1024
		} else {
			most = kib * 1024
		}
	}
	return now, most, nil
}
