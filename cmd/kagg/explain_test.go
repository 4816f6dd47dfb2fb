package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/explain"
)

const namesCase = "../../testdata/explain/names"

// explained runs kagg explain and returns what it printed.
func explained(t *testing.T, want int, args ...string) (out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append([]string{"explain"}, args...), streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	if code != want {
		t.Errorf("kagg explain %q: exit code %d, want %d: %s", args, code, want, stderr.String())
	}
	return stdout.String(), stderr.String()
}

func TestExplainForms(t *testing.T) {
	t.Parallel()
	text, _ := explained(t, exitDone, "-f", namesCase, "resource/ap", "request", "get", "/apis", "--as=ann")
	if !strings.HasPrefix(text, "resource/ap\n\nkubectl takes") || !strings.Contains(text, "\nrequest GET /apis --as ann\n") || strings.Contains(text, "\x1b") {
		t.Errorf("text is\n%s", text)
	}
	var fromJSON, fromYAML []explain.Explanation
	asJSON, _ := explained(t, exitDone, "-f", namesCase, "-o", "json", "resource/ap", "group/core")
	if err := json.Unmarshal([]byte(asJSON), &fromJSON); err != nil || len(fromJSON) != 2 {
		t.Fatalf("%v in\n%s", err, asJSON)
	}
	asYAML, _ := explained(t, exitDone, "-f", namesCase, "-o", "yaml", "resource/ap", "group/core")
	if err := yaml.UnmarshalStrict([]byte(asYAML), &fromYAML); err != nil {
		t.Fatalf("%v in\n%s", err, asYAML)
	}
	if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
		t.Errorf("YAML says something else than JSON (-JSON +YAML):\n%s", diff)
	}
}

func TestExplainFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no target":          {nil, exitUsage, "kagg explain --help"},
		"no kind":            {[]string{"-f", namesCase, "apples"}, exitUsage, "resource/NAME"},
		"unknown":            {[]string{"-f", namesCase, "resource/aplle"}, exitFailed, "resource/apple"},
		"format":             {[]string{"-f", namesCase, "-o", "xml", "group/core"}, exitUsage, "text, json or yaml"},
		"as without request": {[]string{"-f", namesCase, "--as=ann", "group/core"}, exitUsage, "name a request"},
		"half a request":     {[]string{"-f", namesCase, "request", "GET"}, exitUsage, "request METHOD URL-PATH"},
		"odd path":           {[]string{"-f", namesCase, "request", "GET", "/%zz"}, exitUsage, "%zz"},
		"no state folder":    {[]string{"--state-dir", filepath.Join(t.TempDir(), "none"), "group/core"}, exitFailed, "none/kubeconfig does not exist"},
		"files and server":   {[]string{"-f", namesCase, "--server=https://127.0.0.1:1", "group/core"}, exitUsage, "--server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errs := explained(t, c.code, c.args...)
			if !strings.Contains(errs, c.says) || out != "" {
				t.Errorf("want %q in:\n%s, and nothing in:\n%s", c.says, errs, out)
			}
		})
	}
	// What there is is explained all the same.
	out, errs := explained(t, exitFailed, "-f", namesCase, "group/nothing", "resource/ap")
	if !strings.Contains(out, "apples.fruit.example") || !strings.Contains(errs, "group/nothing") {
		t.Errorf("got %s\n%s", out, errs)
	}
}

func TestExplainCompletes(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"": "apiservice/\n", "group/": "group/fruit.example\n", "resource/a": "resource/ap\n"} {
		var out bytes.Buffer
		run(t.Context(), []string{"__complete", "explain", "-f", namesCase, word}, streams{In: strings.NewReader(""), Out: &out, Err: io.Discard})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is completed to\n%s", word, out.String())
		}
	}
}

// What a running kagg is explained to do is, to the byte, what its recording is explained to have done.
func TestExplainSaysTheSameOnlineAndOffline(t *testing.T) {
	t.Parallel()
	dir := startDemo(t, "--authorization-mode=RBAC")
	folder := filepath.Join(t.TempDir(), "recording")
	flags := &replayFlags{stateDir: dir}
	// Its OpenAPI comes a moment later, and conditions may change meanwhile.
	for deadline := time.Now().Add(time.Minute); ; {
		files, err := flags.fetch(t.Context(), aggregator.RecordOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := files.Write(folder); err != nil {
			t.Fatal(err)
		}
		args := everyTarget(t, folder)
		offline, _ := explained(t, exitDone, append([]string{"-f", folder}, args...)...)
		online, _ := explained(t, exitDone, append([]string{"--state-dir", dir}, args...)...)
		if online == offline && strings.Contains(online, "path/apis/orchard.demo.kagg.dev/v1/apples") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("online differs from offline (-offline +online):\n%s", cmp.Diff(offline, online))
		}
	}
}

// everyTarget lists all that a recording has, and some requests.
func everyTarget(t *testing.T, folder string) []string {
	t.Helper()
	recorded, err := (&replayFlags{filenames: []string{folder}}).record(t.Context(), strings.NewReader(""), aggregator.RecordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	replay, err := aggregator.NewReplay(recorded)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, kind := range explain.Kinds() {
		targets := explain.Targets(replay, kind)
		if kind == explain.KindDefinition || kind == explain.KindPath {
			targets = append(targets[:min(20, len(targets))], only(targets, "demo.kagg.dev")...)
		}
		all = append(all, targets...)
	}
	return append(all, "request", "GET", "/apis/orchard.demo.kagg.dev/v1/apples", "request", "DELETE", "/api/v1/namespaces/a", "--as=ann", "--as-group=pickers")
}

func only(words []string, part string) []string {
	var out []string
	for _, w := range words {
		if strings.Contains(w, part) {
			out = append(out, w)
		}
	}
	return out
}

// The outputs in docs/explain.md are what the commands above them print.
func TestExplainDocument(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../docs/explain.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(content), "```\n$ kagg explain ")[1:]
	if len(blocks) < 4 {
		t.Fatalf("the document has %d outputs, want 4 or more", len(blocks))
	}
	for _, block := range blocks {
		command, rest, _ := strings.Cut(block, "\n")
		want, _, _ := strings.Cut(rest, "```")
		args := strings.Fields(strings.ReplaceAll(command, "testdata/", "../../testdata/"))
		if got, _ := explained(t, exitDone, args...); got != want {
			t.Errorf("kagg explain %s prints\n%s", command, got)
		}
	}
}

// What the libraries log while kagg looks at files is kept from people.
func TestExplainIsQuiet(t *testing.T) {
	t.Parallel()
	var logTo io.Writer
	setLog := func(_ logging, out io.Writer, _ func() bool) error { logTo = out; return nil }
	var out, errs buffer
	args := []string{"explain", "-f", local(t, insecureAPIService), "apiservice/v1.wardle.example.com"}
	if code := run(t.Context(), args, streams{In: strings.NewReader(""), Out: &out, Err: &errs, SetLog: setLog}); code != exitDone || logTo != io.Discard {
		t.Errorf("exit code %d, the log goes to %v: %s", code, logTo, errs.String())
	}
}
