package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// What is between these lines of the document is the bench's; all else is written by hand.
const (
	beginMeasured = "<!-- measured: begin; what is between here and the end is written by make bench -->"
	endMeasured   = "<!-- measured: end -->"
)

// plotSuffix takes the place of the document's own in the name of the plot.
const plotSuffix = "-growth.svg"

// write puts the result into the document, and the plot beside it.
func (res *result) write(file string, machine []string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), beginMeasured)
	_, after, ended := strings.Cut(rest, endMeasured)
	if !ok || !ended {
		return fmt.Errorf("%s: put the lines %q and %q where the result is to go", file, beginMeasured, endMeasured)
	}
	plot := strings.TrimSuffix(file, filepath.Ext(file)) + plotSuffix
	measured := res.markdown(machine, filepath.Base(plot))
	if err := os.WriteFile(file, []byte(before+beginMeasured+"\n\n"+measured+"\n"+endMeasured+after), 0o644); err != nil { //nolint:gosec // a document for everybody
		return err
	}
	return os.WriteFile(plot, []byte(res.plot()), 0o644) //nolint:gosec // as above
}

// markdown is the measured part of the document.
func (res *result) markdown(machine []string, plot string) string {
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "Measured on %s in one run of %s:\n\n", res.started.UTC().Format(time.DateOnly), res.took.Round(time.Second))
	for _, fact := range machine {
		_, _ = fmt.Fprintf(&b, "- %s\n", fact)
	}
	b.WriteString("\n")
	for i, cells := range res.cells() {
		_, _ = fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			_, _ = fmt.Fprintf(&b, "|%s\n", strings.Repeat(" --- |", len(cells)))
		}
	}
	_, _ = fmt.Fprintf(&b, "\n![Time, CPU and memory until 1 to 1,000 APIServices are merged](%s)\n\n", plot)
	b.WriteString("| APIServices | time: real | kagg | CPU: real | kagg | memory: real | kagg |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for i, kagg := range res.growth.kagg {
		real := res.growth.real[i]
		_, _ = fmt.Fprintf(&b, "| %d | %s | %s | %s | %s | %s | %s |\n", kagg.groups, real.took.in(asTime), kagg.took.in(asTime),
			real.cpu.in(asTime), kagg.cpu.in(asTime), real.most.in(asMemory), kagg.most.in(asMemory))
	}
	return b.String()
}

// machineFacts says what the bench runs on.
func machineFacts() []string {
	facts := []string{fmt.Sprintf("%d × %s", runtime.NumCPU(), fileField("/proc/cpuinfo", "model name"))}
	if memory := fileField("/proc/meminfo", "MemTotal"); memory != "" {
		facts = append(facts, "memory: "+memory)
	}
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err == nil {
		facts = append(facts, "Linux "+strings.TrimSpace(string(kernel)))
	}
	facts = append(facts, runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "k8s.io/kube-aggregator" || m.Path == "k8s.io/apiserver" {
				facts = append(facts, m.Path+" "+m.Version)
			}
		}
	}
	return facts
}

// fileField is the value of the first "name : value" in a file; "" for none.
func fileField(file, name string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
