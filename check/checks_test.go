package check_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/check"
)

func TestDocumentIsCurrent(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile("../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(check.Markdown(check.Checks()), string(got)); d != "" {
		t.Errorf("docs/checks.md is not what the checks say; run go generate ./check:\n%s", d)
	}
}

// ranges are the first and last codes of each area.
var ranges = map[check.Area][2]string{
	check.AreaObjects: {"KAGG001", "KAGG019"}, check.AreaTrust: {"KAGG020", "KAGG039"}, check.AreaDiscovery: {"KAGG040", "KAGG059"},
	check.AreaOpenAPI: {"KAGG060", "KAGG084"}, check.AreaBehaviour: {"KAGG085", "KAGG099"},
}

func TestChecksAreComplete(t *testing.T) {
	t.Parallel()
	code, name := regexp.MustCompile(`^KAGG\d{3}$`), regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, c := range check.Checks() {
		for _, word := range []string{c.Code, c.Name} {
			if seen[word] {
				t.Errorf("%s is there twice", word)
			}
			seen[word] = true
		}
		if in := ranges[c.Area]; !code.MatchString(c.Code) || c.Code < in[0] || c.Code > in[1] {
			t.Errorf("%s is no code of %s", c.Code, c.Area)
		}
		if !name.MatchString(c.Name) || c.Title == "" || c.Why == "" || c.Mend == "" || c.Failing == "" || c.Mended == "" {
			t.Errorf("%s %q lacks a name, title, why, mend or example", c.Code, c.Name)
		}
		if !c.Severity.AtLeast(check.SeverityInfo) {
			t.Errorf("%s has severity %q", c.Code, c.Severity)
		}
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		only, without []string
		want          []string
	}{
		"by code and name":  {[]string{"KAGG003", "service-port"}, nil, []string{"KAGG003", "KAGG004"}},
		"without":           {[]string{"KAGG003", "KAGG004"}, []string{"service-port"}, []string{"KAGG003"}},
		"nothing is a list": {[]string{"KAGG003"}, []string{"KAGG003"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checks, err := check.Select(c.only, c.without)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, one := range checks {
				got = append(got, one.Code)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
	if _, err := check.Select(nil, []string{"KAGG999"}); err == nil {
		t.Error("an unknown code is taken")
	}
	all, err := check.Select(nil, nil)
	if err != nil || len(all) != len(check.Checks()) {
		t.Errorf("%d checks, %v", len(all), err)
	}
}
