package discoverymerge_test

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/internal/golden"
)

// goldenInput is the form of an input.yaml.
type goldenInput struct {
	// Note says what the case shows.
	Note string `json:"note"`
	// Quirks are upstream's when they are left out.
	Quirks *discoverymerge.Quirks `json:"quirks,omitempty"`
	Inputs []discoverymerge.Input `json:"inputs"`
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cases, err := filepath.Glob("../testdata/discoverymerge/*/input.yaml")
	if err != nil {
		t.Fatalf("list the golden cases: %v", err)
	}
	if len(cases) < 10 {
		t.Fatalf("found %d golden cases, want 10 or more: is the folder in place?", len(cases))
	}

	var mu sync.Mutex
	used := map[discoverymerge.Rule]bool{}
	t.Run("cases", func(t *testing.T) {
		for _, file := range cases {
			t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
				t.Parallel()
				result := runGolden(t, file)
				mu.Lock()
				defer mu.Unlock()
				for _, decision := range result.Decisions {
					used[decision.Rule] = true
				}
			})
		}
	})

	known := make([]discoverymerge.Rule, 0, len(discoverymerge.Rules()))
	for _, rule := range discoverymerge.Rules() {
		known = append(known, rule.Name)
		if !used[rule.Name] {
			t.Errorf("no golden case shows rule %s", rule.Name)
		}
	}
	for rule := range used {
		if !slices.Contains(known, rule) {
			t.Errorf("rule %s is not in Rules()", rule)
		}
	}
}

func runGolden(t *testing.T, file string) discoverymerge.Result {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("read the case: %v", err)
	}
	var input goldenInput
	if err := yaml.UnmarshalStrict(data, &input); err != nil {
		t.Fatalf("decode %s: %v", file, err)
	}
	quirks := discoverymerge.UpstreamQuirks()
	if input.Quirks != nil {
		quirks = *input.Quirks
	}
	result := discoverymerge.Merge(input.Inputs, quirks)
	got, err := yaml.Marshal(result)
	if err != nil {
		t.Fatalf("encode the result: %v", err)
	}
	golden.Compare(t, filepath.Join(filepath.Dir(file), "want.yaml"), string(got))
	return result
}
