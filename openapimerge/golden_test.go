package openapimerge

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/handler3"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/internal/golden"
)

// goldenInput is a case's input.yaml.
type goldenInput struct {
	// Quirks is "none" or empty for upstream's.
	Quirks   string                   `json:"quirks"`
	Backends map[string]goldenBackend `json:"backends"`
	Inputs   []goldenAPIService       `json:"inputs"`
}

type goldenBackend struct {
	V2        json.RawMessage `json:"v2"`
	V2Failure string          `json:"v2Failure"`
	// V3 are the keys of the index.
	V3        []string `json:"v3"`
	V3Failure string   `json:"v3Failure"`
}

type goldenAPIService struct {
	Name                 string `json:"name"`
	Group                string `json:"group"`
	Version              string `json:"version"`
	GroupPriorityMinimum int32  `json:"groupPriorityMinimum"`
	VersionPriority      int32  `json:"versionPriority"`
	Local                bool   `json:"local"`
	Backend              string `json:"backend"`
}

// goldenWant is a case's want.json.
type goldenWant struct {
	V2Error     string                       `json:"v2Error,omitempty"`
	V2ETag      string                       `json:"v2ETag,omitempty"`
	V2          json.RawMessage              `json:"v2,omitempty"`
	V2Decisions []Decision                   `json:"v2Decisions"`
	V3          *handler3.OpenAPIV3Discovery `json:"v3"`
	V3Owners    map[string]Owner             `json:"v3Owners"`
	V3Converted map[string]json.RawMessage   `json:"v3Converted,omitempty"`
	V3Decisions []Decision                   `json:"v3Decisions"`
}

func readGolden(t testing.TB, dir string) ([]Input, Quirks) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "input.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var golden goldenInput
	if err := yaml.UnmarshalStrict(data, &golden); err != nil {
		t.Fatal(err)
	}
	backends := map[string]Input{}
	for name, backend := range golden.Backends {
		input := Input{Backend: name, V2Failure: backend.V2Failure, V3Failure: backend.V3Failure}
		if backend.V2 != nil {
			if input.V2, err = ReadDocument(backend.V2); err != nil {
				t.Fatal(err)
			}
			input.V2ETag = name
		}
		if backend.V3 != nil {
			input.V3 = &handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{}}
			for _, key := range backend.V3 {
				input.V3.Paths[key] = handler3.OpenAPIV3DiscoveryGroupVersion{ServerRelativeURL: V3URL(key, "OF-"+name)}
			}
		}
		backends[name] = input
	}
	in := make([]Input, 0, len(golden.Inputs))
	for _, service := range golden.Inputs {
		input, ok := backends[service.Backend]
		if !ok {
			t.Fatalf("%s: input %s names no backend", dir, service.Name)
		}
		input.APIService, input.Group, input.Version, input.Local = service.Name, service.Group, service.Version, service.Local
		input.GroupPriorityMinimum, input.VersionPriority = service.GroupPriorityMinimum, service.VersionPriority
		in = append(in, input)
	}
	if golden.Quirks == "none" {
		return in, Quirks{}
	}
	return in, UpstreamQuirks()
}

func runGolden(t *testing.T, in []Input, quirks Quirks) goldenWant {
	t.Helper()
	v2, err := MergeV2(in, quirks)
	v3 := MergeV3(in, quirks)
	out := goldenWant{
		V2ETag: v2.ETag, V2Decisions: v2.Decisions, V3: v3.Index, V3Owners: v3.Owners,
		V3Converted: map[string]json.RawMessage{}, V3Decisions: v3.Decisions,
	}
	if err != nil {
		out.V2Error = err.Error()
	} else {
		out.V2 = encodeV2(t, decoded(t, v2))
	}
	for key, conversion := range v3.Conversions {
		doc, err := conversion.Document()
		if err != nil {
			t.Fatal(err)
		}
		if out.V3Converted[key], err = EncodeV3JSON(doc); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// The golden cases also prove that every rule is reached.
func TestGolden(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("../testdata/openapimerge/*/input.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) == 0 {
		t.Fatal("no golden case found")
	}
	reached := map[Rule]bool{}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		in, quirks := readGolden(t, dir)
		got := runGolden(t, in, quirks)
		for _, d := range append(got.V2Decisions, got.V3Decisions...) {
			reached[d.Rule] = true
			if d.Outcome == "" || d.Upstream == "" {
				t.Errorf("%s: decision lacks outcome or upstream: %+v", dir, d)
			}
		}
		data, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, filepath.Join(dir, "want.json"), string(data)+"\n")
		checkGoldenUpstream(t, dir, in, quirks, got)
	}
	for _, info := range Rules() {
		if !reached[info.Rule] {
			t.Errorf("no golden case reaches rule %s", info.Rule)
		}
	}
}

// checkGoldenUpstream holds a case to kube-openapi's own merge.
func checkGoldenUpstream(t *testing.T, dir string, in []Input, quirks Quirks, got goldenWant) {
	t.Helper()
	if quirks != UpstreamQuirks() {
		return
	}
	want, err := upstreamMergeV2(t, in)
	if (err != nil) != (got.V2Error != "") {
		t.Errorf("%s: upstream's error is %v, got %q", dir, err, got.V2Error)
	}
	if err != nil || want == nil {
		return
	}
	var gotTree any
	if err := json.Unmarshal(got.V2, &gotTree); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(parsed(t, want), gotTree); diff != "" {
		t.Errorf("%s: differs from upstream (-want +got)\n%s", dir, diff)
	}
}

func TestRulesAreDescribedOnce(t *testing.T) {
	t.Parallel()
	seen := map[Rule]bool{}
	for _, info := range Rules() {
		if seen[info.Rule] || info.Rule == "" || info.Meaning == "" || info.Upstream == "" {
			t.Errorf("rule %q: described twice or in part", info.Rule)
		}
		seen[info.Rule] = true
	}
}
