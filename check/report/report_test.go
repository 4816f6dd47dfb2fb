package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/check/report"
)

func sample(t *testing.T) report.Report {
	t.Helper()
	checks, err := check.Select([]string{"KAGG003", "KAGG060"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	finding := func(c check.Check, message string, at check.Where) check.Finding {
		return check.Finding{
			Code: c.Code, Name: c.Name, Area: c.Area, Severity: c.Severity, Message: message, Where: at, Why: c.Why, Mend: c.Mend,
		}
	}
	return report.Report{Checks: checks, Version: "v1.2.3", Findings: []check.Finding{
		finding(checks[0], "50% of it:\nmissing", check.Where{File: "a dir/x,y.yaml", Line: 3, APIService: "v1.a", Backend: "ns/a:443"}),
		finding(checks[0], "missing too", check.Where{File: "-", Line: 9, APIService: "v2.a", Backend: "ns/a:443"}),
		finding(checks[1], "nothing", check.Where{Backend: "ns/a:443", Path: "/openapi/v3"}),
	}}
}

func write(t *testing.T, r report.Report, f report.Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	t.Parallel()
	r := sample(t)
	got := write(t, r, report.FormatText)
	for _, want := range []string{
		"error KAGG003 service-not-found: an APIService whose Service does not exist\n  a dir/x,y.yaml:3 v1.a ns/a:443\n    50% of it:\n    missing\n  -:9 v2.a ns/a:443\n",
		"  ns/a:443/openapi/v3\n    nothing\n",
		"\n2 errors, 1 warning\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in:\n%s", want, got)
		}
	}
	if strings.Count(got, "  mend: ") != 2 {
		t.Errorf("want each mend once:\n%s", got)
	}
	r.Colour = true
	if coloured := write(t, r, report.FormatText); !strings.HasPrefix(coloured, "\x1b[1;31merror\x1b[0m KAGG003") {
		t.Errorf("no colour: %q", coloured[:40])
	}
	if got := write(t, report.Report{}, report.FormatText); got != "no findings\n" {
		t.Errorf("of nothing it says %q", got)
	}
}

func TestGitHub(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(write(t, sample(t), report.FormatGitHub)), "\n")
	for i, want := range []string{
		"::error file=a dir/x%2Cy.yaml,line=3,title=KAGG003 service-not-found::50%25 of it:%0Amissing%0A",
		"::error title=KAGG003 service-not-found::missing too%0A",
		"::warning title=KAGG060 openapi-missing::ns/a:443/openapi/v3: nothing%0A",
	} {
		if len(lines) != 3 || !strings.HasPrefix(lines[i], want) {
			t.Errorf("want %q, got:\n%s", want, strings.Join(lines, "\n"))
		}
	}
}

// What a backend says moves no cursor, neither on a terminal nor in the log of a workflow.
func TestControlCharacters(t *testing.T) {
	t.Parallel()
	r := sample(t)
	r.Findings[2].Message, r.Findings[2].Where.Path = "it says \x1b[2J\r\n::error::x", "/\x1b]0;x\a"
	for _, f := range []report.Format{report.FormatText, report.FormatGitHub} {
		got := write(t, r, f)
		if strings.ContainsAny(got, "\x1b\r\a") || !strings.Contains(got, `it says \x1b[2J\x0d`) || !strings.Contains(got, `/\x1b]0;x\x07`) {
			t.Errorf("%s: %q", f, got)
		}
		if f == report.FormatGitHub && strings.Count(got, "\n") != 3 {
			t.Errorf("not a line a finding: %q", got)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	r := sample(t)
	var got struct {
		Findings []check.Finding
		Counts   map[check.Severity]int
	}
	if err := json.Unmarshal([]byte(write(t, r, report.FormatJSON)), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r.Findings, got.Findings); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[check.Severity]int{"error": 2, "warning": 1, "info": 0}, got.Counts); d != "" {
		t.Error(d)
	}
	if got := write(t, report.Report{}, report.FormatJSON); !strings.Contains(got, `"findings": []`) {
		t.Errorf("of nothing it says %s", got)
	}
}

func TestSARIF(t *testing.T) {
	t.Parallel()
	type location struct {
		PhysicalLocation struct {
			ArtifactLocation struct{ URI, URIBaseID string }
			Region           struct{ StartLine int }
		}
		LogicalLocations []struct{ FullyQualifiedName string }
	}
	var got struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name, Version string
					Rules         []struct {
						ID, HelpURI string
						Help        struct{ Text, Markdown string }
					}
				}
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Level     string
				Locations []location

				PartialFingerprints map[string]string
			}
		}
	}
	if err := json.Unmarshal([]byte(write(t, sample(t), report.FormatSARIF)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != "2.1.0" || len(got.Runs) != 1 || len(got.Runs[0].Results) != 3 || len(got.Runs[0].Tool.Driver.Rules) != 2 {
		t.Fatalf("%+v", got)
	}
	run := got.Runs[0]
	for i, result := range run.Results {
		if run.Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID {
			t.Errorf("result %d has the index of another rule", i)
		}
	}
	rule := run.Tool.Driver.Rules[0]
	if !strings.HasSuffix(rule.HelpURI, "docs/checks.md#kagg003-service-not-found") || rule.Help.Text == "" || rule.Help.Markdown == "" {
		t.Errorf("%+v", rule)
	}
	first := run.Results[0].Locations[0]
	if first.PhysicalLocation.ArtifactLocation.URI != "a%20dir/x,y.yaml" || first.PhysicalLocation.Region.StartLine != 3 {
		t.Errorf("%+v", first.PhysicalLocation)
	}
	if second := run.Results[1].Locations[0]; second.LogicalLocations[0].FullyQualifiedName != "v2.a ns/a:443" {
		t.Errorf("%+v", second)
	}
	prints := map[string]bool{}
	for i, result := range run.Results {
		at := result.Locations[0].PhysicalLocation
		if at.ArtifactLocation.URI == "" || at.ArtifactLocation.URIBaseID != "%SRCROOT%" || at.Region.StartLine < 1 {
			t.Errorf("result %d is nowhere: %+v", i, at)
		}
		prints[result.PartialFingerprints["kagg/v1"]] = true
	}
	if len(prints) != len(run.Results) || prints[""] {
		t.Errorf("fingerprints are not each result's own: %v", prints)
	}
	if run.Results[2].Level != "warning" {
		t.Errorf("level %s", run.Results[2].Level)
	}
}

// Code scanning wants names relative to the checkout, and knows a finding again by its fingerprint.
func TestSARIFFiles(t *testing.T) {
	t.Parallel()
	r := report.Report{Folder: "/src/repo", Fallback: "deploy"}
	for file, want := range map[string]string{
		"a/b.yaml": "a/b.yaml", "./b.yaml": "b.yaml", "/src/repo/a/b c.yaml": "a/b%20c.yaml", "a/../b.yaml": "b.yaml", "../repo/b.yaml": "b.yaml",
		"/elsewhere/b.yaml": "file:///elsewhere/b.yaml", "../b.yaml": "file:///src/b.yaml", "": "deploy", "-": "deploy",
	} {
		r.Findings = []check.Finding{{Code: "KAGG003", Where: check.Where{File: file, Line: 7}}}
		got := write(t, r, report.FormatSARIF)
		if !strings.Contains(got, `"uri": "`+want+`"`) {
			t.Errorf("%s: want %s in:\n%s", file, want, got)
		}
		if named := file != "" && file != "-"; named != strings.Contains(got, `"startLine": 7`) {
			t.Errorf("%s: the line is wrong:\n%s", file, got)
		}
	}
	printOf := func(f check.Finding) string {
		_, after, _ := strings.Cut(write(t, report.Report{Findings: []check.Finding{f}}, report.FormatSARIF), `"kagg/v1": "`)
		return after[:32]
	}
	one := check.Finding{Code: "KAGG003", Message: "one", Where: check.Where{File: "a.yaml", Line: 1, APIService: "v1.a"}}
	moved, other := one, one
	moved.Message, moved.Where.Line = "in other words", 9
	other.Where.APIService = "v2.a"
	if printOf(one) != printOf(moved) || printOf(one) == printOf(other) {
		t.Errorf("fingerprints %s, moved %s, of another %s", printOf(one), printOf(moved), printOf(other))
	}
}

func TestYAML(t *testing.T) {
	t.Parallel()
	r := sample(t)
	var got, want any
	if err := yaml.Unmarshal([]byte(write(t, r, report.FormatYAML)), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(write(t, r, report.FormatJSON)), &want); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, f := range report.Formats() {
		if got, err := report.Parse(string(f)); got != f || err != nil {
			t.Errorf("%s: %s, %v", f, got, err)
		}
	}
	if _, err := report.Parse("xml"); err == nil {
		t.Error("xml is taken")
	}
}
