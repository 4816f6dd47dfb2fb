package proxy

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/internal/golden"
)

// goldenInput is a case's input.yaml.
type goldenInput struct {
	Query    Query    `json:"query"`
	Registry Registry `json:"registry"`
	// Refused is set where the case is about what else refuses a request: one of the Refusal constants.
	Refused string `json:"refused"`
}

// goldenWant is a case's want.yaml.
type goldenWant struct {
	Resolution *Resolution `json:"resolution,omitempty"`
	Cause      Cause       `json:"cause,omitempty"`
	Message    string      `json:"message,omitempty"`
	// Refusal is the answer to a request for a target that was resolved so.
	Refusal *Refusal `json:"refusal,omitempty"`
}

// Each rule, cause and refusal has a case.
func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/proxy/*/input.yaml")
	if err != nil {
		t.Fatal(err)
	}
	reached := map[string]bool{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var input goldenInput
		if err := yaml.UnmarshalStrict(data, &input); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		result := runGolden(t, input, reached)
		got, err := yaml.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, filepath.Join(filepath.Dir(file), "want.yaml"), string(got))
	}
	var known []string
	for _, info := range RuleInfos() {
		known = append(known, info.Name)
		if !reached[info.Name] {
			t.Errorf("no golden case reaches %s", info.Name)
		}
		if info.Meaning == "" || info.Upstream == "" || Describe(info.Name) != info {
			t.Errorf("%s is described in part: %+v", info.Name, info)
		}
	}
	for _, rule := range Rules() {
		if !slices.Contains(known, string(rule)) {
			t.Errorf("rule %s is not described", rule)
		}
	}
	if got := Describe("odd"); got != (RuleInfo{Name: "odd"}) {
		t.Errorf("a rule that there is not is described: %+v", got)
	}
}

func runGolden(t *testing.T, input goldenInput, reached map[string]bool) goldenWant {
	t.Helper()
	var out goldenWant
	resolution, err := Resolve(input.Query, input.Registry)
	target := Target{APIService: "v1.example.com", Available: input.Refused != RefusalUnavailable, Resolution: resolution, ResolveErr: err}
	if input.Refused == RefusalTransport {
		target.TransportErr = errNoTransport
	}
	f, refused := target.refusal(input.Refused != RefusalUser)
	if refused {
		out.Refusal = &Refusal{Rule: f.rule, Code: f.code, Message: f.message, Upstream: f.upstream}
		reached[f.rule] = true
	}
	if public, also := target.Refusal(); input.Refused != RefusalUser && (also != refused || also && public != *out.Refusal) {
		t.Errorf("Refusal is %+v, what Serve answers with %+v", public, out.Refusal)
	}
	var failed *ResolveError
	if err != nil {
		failed = err.(*ResolveError) //nolint:errorlint,forcetypeassert // Resolve promises it
		out.Cause, out.Message = failed.Cause, failed.Explain()
		reached[string(failed.Cause)] = true
		return out
	}
	out.Resolution = &resolution
	reached[string(resolution.Rule)] = true
	return out
}

func TestRoots(t *testing.T) {
	t.Parallel()
	for want, tls := range map[Roots]TLS{
		RootsNone:           {InsecureSkipVerify: true, ExtraRoots: []byte("x")},
		RootsBundle:         {CABundle: []byte("x"), ExtraRoots: []byte("x")},
		RootsSystem:         {},
		RootsSystemAndExtra: {ExtraRoots: []byte("x")},
	} {
		if got := tls.Roots(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
