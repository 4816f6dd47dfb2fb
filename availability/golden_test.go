package availability_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/internal/golden"
)

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
		golden.Compare(t, filepath.Join(filepath.Dir(file), "want.yaml"), string(got))
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
