package parity

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testScenarios = "../../../testdata/conformance"

func TestDocumentIsCurrent(t *testing.T) {
	t.Parallel()
	scenarios, err := ReadScenarios(testScenarios)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Markdown(scenarios), string(got)); d != "" {
		t.Errorf("docs/conformance.md is not what the scenarios say; run go generate ./... in conformance:\n%s", d)
	}
}

func TestScenariosAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ content, want string }{
		"no request":            {"description: d\nsteps: [{apply: a.yaml}]", "nothing is compared"},
		"no description":        {"steps: [{conditions: true}]", "write a description"},
		"a field of no meaning": {"description: d\nsteps: [{conditions: true, nonsense: 1}]", "nonsense"},
		"no reason":             {"description: d\nsteps: [{conditions: true}]\nallowed: [{request: a, where: b}]", "needs request, where and reason"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, everywhereFile), "[]")
			write(t, filepath.Join(dir, "one", "scenario.yaml"), test.content)
			if _, err := ReadScenarios(dir); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestAllowedDifferencesHaveToComeUp(t *testing.T) {
	t.Parallel()
	r := &run{scenario: &Scenario{Name: "s", Allowed: []Allowed{
		{Request: "GET /a", Where: "header *", Reason: "r"},
		{Request: "GET /b", Where: "status", Reason: "r"},
		{Request: "*", Where: "body .x", Reason: "r", Sometimes: true},
	}}, result: &Result{}, seen: map[int]bool{}}
	notAllowed, allowed := r.judge([]Difference{
		{Request: "GET /a", Where: "header Vary"}, {Request: "GET /a", Where: "status"},
	})
	if len(notAllowed) != 1 || notAllowed[0].Where != "status" {
		t.Errorf("not allowed: %v, want the status alone", notAllowed)
	}
	for _, i := range allowed {
		r.seen[i] = true
	}
	err := r.unseen()
	if err == nil || !strings.Contains(err.Error(), `"status" at "GET /b" did not come up`) || strings.Contains(err.Error(), "GET /a") || strings.Contains(err.Error(), "body .x") {
		t.Errorf("got error %v, want one about GET /b alone", err)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
