package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// Transcript is what a person types at a terminal and what is printed: a file of
// steps. A line that begins with "$ " is a command for sh; the here-documents that
// it opens follow it. The lines after that are what it prints, stdout and stderr
// together, and "[exit code N]" if it fails. A line that begins with "# " is prose;
// a blank line stands before it.
//
// What differs from run to run has a name in the file: <age>, <time>, <uid>, <hash>,
// <version> (a resource version), <server>, <address>, <ip>. Spaces at the end of a
// line are left out.
type Transcript struct {
	// Kubeconfig is what kubectl uses, with the context's namespace set to Namespace.
	Kubeconfig string
	// Namespace is made before the first step. It is not deleted.
	Namespace string
	// Path are folders with other programs than kubectl.
	Path []string
	// Env is added to the environment, as NAME=VALUE.
	Env []string
	// Update writes what was printed into the file instead of comparing it.
	Update bool
}

// step is a command with what it printed.
type step struct {
	prose   []string // before the command
	command []string // its lines, without "$ "
	printed string
}

// Run runs the steps of the file in order, each in a shell of its own, in one
// temporary folder that is also the folder of the transcript's ${PWD}. It goes on
// after a step that printed something else than the file says, unless nothing could
// follow.
func (tr Transcript) Run(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	steps, tail, err := parseTranscript(string(data))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	env := tr.environment(t)
	dir := t.TempDir()
	var updated strings.Builder
	for i, s := range steps {
		start := time.Now()
		got := runStep(t, dir, env, strings.Join(s.command, "\n"))
		if took := time.Since(start); took > slowStep {
			t.Logf("%s: $ %s took %s", path, s.command[0], took.Round(time.Millisecond))
		}
		if got != s.printed && !tr.Update {
			t.Errorf("%s: $ %s\nprinted\n%s\nwanted\n%s", path, strings.Join(s.command, "\n"), got, s.printed)
		}
		if i > 0 && len(s.prose) > 0 {
			updated.WriteString("\n")
		}
		s.printed = got
		s.write(&updated)
	}
	for _, line := range tail {
		updated.WriteString(line + "\n")
	}
	if tr.Update && updated.String() != string(data) {
		if err := os.WriteFile(path, []byte(updated.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// environment makes the folder with kubectl, the kubeconfig and the home.
func (tr Transcript) environment(t *testing.T) []string {
	t.Helper()
	home := t.TempDir()
	config, err := clientcmd.LoadFromFile(tr.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	if tr.Namespace != "" {
		config.Contexts[config.CurrentContext].Namespace = tr.Namespace
	}
	kubeconfig := filepath.Join(home, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self(t), filepath.Join(home, "kubectl")); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), roleVariable+"="+roleKubectl,
		"PATH="+strings.Join(slices.Concat([]string{home}, tr.Path, []string{os.Getenv("PATH")}), string(os.PathListSeparator)),
		"HOME="+home, "KUBECONFIG="+kubeconfig, "KUBECACHEDIR="+filepath.Join(home, "cache"), "LC_ALL=C", "TZ=UTC")
	env = append(env, tr.Env...)
	if tr.Namespace != "" && tr.Namespace != "default" {
		// What a namespace is given comes a moment after it.
		runStep(t, home, env, "kubectl create namespace "+tr.Namespace+" && kubectl wait --for=create configmap/kube-root-ca.crt serviceaccount/default")
	}
	return env
}

// stepTimeout is how long one step may take on a machine that is busy with other tests.
const stepTimeout = 2 * time.Minute

// slowStep is how long a step takes that is worth a line of the log.
const slowStep = 5 * time.Second

// runStep returns what the command printed, in the words of a transcript.
func runStep(t *testing.T, dir string, env []string, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stepTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command) //nolint:gosec // From the repository's own files.
	cmd.Dir, cmd.Env = dir, env
	// What the shell started goes with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("cannot run sh -c %q: %v", command, err)
	}
	if ctx.Err() != nil {
		t.Errorf("%s: not ended within %s", command, stepTimeout)
	}
	printed := normalize(out.String())
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		printed += fmt.Sprintf("[exit code %d]\n", code)
	}
	return printed
}

// volatile is what no two runs print alike.
var volatile = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[ ]\+0000 UTC)`), "<time>"},
	{regexp.MustCompile(`[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000`), "<time>"},
	{regexp.MustCompile(`[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}`), "<time>"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "<uid>"},
	{regexp.MustCompile(`(resourceVersion"?: ?)"\d+"`), "$1<version>"},
	{regexp.MustCompile(`(Resource Version: +)\d+`), "$1<version>"},
	{regexp.MustCompile(`https://127\.0\.0\.1:\d+`), "<server>"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "<address>"},
	{regexp.MustCompile(`X509SHA256=[0-9a-f]{64}`), "X509SHA256=<hash>"},
	{regexp.MustCompile(`\b10\.\d{1,3}\.\d{1,3}\.\d{1,3}( {2,})?`), "<ip> "},
	{regexp.MustCompile(`\bCLUSTER-IP {2,}`), "CLUSTER-IP "},
	// An age is as wide as it likes: the spaces after it, and after the header above it, are its own.
	{regexp.MustCompile(`\b(\d{1,2}m(\d{1,2}s)?|\d{1,3}s)\b( {2,})?`), "<age> "},
	{regexp.MustCompile(`\bAGE {2,}`), "AGE "},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

func normalize(printed string) string {
	for _, v := range volatile {
		printed = v.pattern.ReplaceAllString(printed, v.name)
	}
	return withoutBlankEnd(printed)
}

// withoutBlankEnd ends the text with one line break, if there is any text.
func withoutBlankEnd(text string) string {
	if text = strings.TrimRight(text, "\n"); text != "" {
		text += "\n"
	}
	return text
}

// parseTranscript returns the steps and what follows the last of them.
func parseTranscript(text string) (steps []step, tail []string, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	var prose []string
	for i := 0; i < len(lines); i++ {
		command, ok := strings.CutPrefix(lines[i], "$ ")
		switch {
		case ok:
			s := step{prose: slices.DeleteFunc(slices.Clone(prose), func(line string) bool { return line == "" }), command: []string{command}}
			prose = prose[:0]
			for _, end := range hereDocuments(command) {
				for i++; ; i++ {
					if i >= len(lines) {
						return nil, nil, fmt.Errorf("the here-document of %q has no end %s", command, end)
					}
					s.command = append(s.command, lines[i])
					if lines[i] == end {
						break
					}
				}
			}
			steps = append(steps, s)
		case len(steps) == 0, strings.HasPrefix(lines[i], "# "), lines[i] == "" && len(prose) > 0:
			prose = append(prose, lines[i])
		case len(prose) > 0:
			return nil, nil, fmt.Errorf("line %d, %q, is neither prose (# ) nor a command ($ ), and prose stands before it", i+1, lines[i])
		default:
			steps[len(steps)-1].printed += lines[i] + "\n"
		}
	}
	for i := range steps {
		steps[i].printed = withoutBlankEnd(steps[i].printed)
	}
	return steps, prose, nil
}

// hereDocument finds where a command's here-documents end.
var hereDocument = regexp.MustCompile(`<<'?([A-Z]+)'?`)

func hereDocuments(command string) []string {
	matches := hereDocument.FindAllStringSubmatch(command, -1)
	ends := make([]string, 0, len(matches))
	for _, match := range matches {
		ends = append(ends, match[1])
	}
	return ends
}

func (s step) write(b *strings.Builder) {
	for _, line := range s.prose {
		b.WriteString(line + "\n")
	}
	b.WriteString("$ " + strings.Join(s.command, "\n") + "\n" + s.printed)
}
