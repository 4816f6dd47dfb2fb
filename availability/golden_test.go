package availability_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/availability"
)

var update = flag.Bool("update", false, "rewrite the want.yaml files of the golden cases")

// Each case is an input.yaml with Facts and a want.yaml with the condition that follows; every reason has one.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/availability/*/input.yaml")
	if err != nil {
		t.Fatal(err)
	}
	reached := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var facts availability.Facts
		if err := yaml.UnmarshalStrict(data, &facts); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		condition := availability.Evaluate(facts)
		reached[condition.Reason] = true
		got, err := yaml.Marshal(condition)
		if err != nil {
			t.Fatal(err)
		}
		wantFile := filepath.Join(filepath.Dir(file), "want.yaml")
		if *update {
			if err := os.WriteFile(wantFile, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(wantFile)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", wantFile, diff)
		}
	}
	var known []string
	for _, info := range availability.Reasons() {
		known = append(known, info.Reason)
		if !reached[info.Reason] {
			t.Errorf("no golden case has reason %q", info.Reason)
		}
		if info.Meaning == "" || info.Upstream == "" || availability.Describe(info.Reason) != info {
			t.Errorf("reason %q is described in part: %+v", info.Reason, info)
		}
	}
	for reason := range reached {
		if !slices.Contains(known, reason) {
			t.Errorf("reason %q is not in Reasons()", reason)
		}
	}
	if got := availability.Describe("Odd"); got != (availability.ReasonInfo{Reason: "Odd"}) {
		t.Errorf("a reason that there is not is described: %+v", got)
	}
}
