package explain_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/explain"
	"github.com/kagg-project/kagg/internal/golden"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
	"github.com/kagg-project/kagg/recording"
)

// unreachable are the rules that no explanation shows, each with the reason.
var unreachable = map[string]string{
	string(discoverymerge.RuleDuplicateInput): "no two APIServices have one name",
	string(openapimerge.RuleV3NotConverted):   "it takes other quirks than upstream's, or a document that cannot be encoded",
	availability.ReasonServiceAccessError:     "kagg reads Services from its own memory",
	availability.ReasonEndpointsAccessError:   "kagg reads EndpointSlices from its own memory",
	proxy.RefusalUser:                         "a request is explained with its user",
	string(proxy.CauseUnsupportedType):        "validation refuses such a Service",
	"impersonation-refused":                   "the request is sent by kagg's administrator, who may be taken for anybody",
}

func loadCase(t testing.TB, folder string) *aggregator.Replay {
	t.Helper()
	r, err := recording.Load(manifest.Options{Filenames: []string{folder}, Scheme: delegate.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	replay, err := aggregator.NewReplay(r)
	if err != nil {
		t.Fatal(err)
	}
	return replay
}

// readTargets reads the file targets: a target a line, with the flags of a request.
func readTargets(t *testing.T, folder string) []explain.Target {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, "targets"))
	if err != nil {
		t.Fatal(err)
	}
	var all []explain.Target
	for line := range strings.Lines(string(content)) {
		var as explain.Impersonation
		words := strings.Fields(line)
		for i := 0; i < len(words); {
			switch words[i] {
			case "--as":
				as.User = words[i+1]
				words = slices.Delete(words, i, i+2)
			case "--as-group":
				as.Groups = append(as.Groups, words[i+1])
				words = slices.Delete(words, i, i+2)
			default:
				i++
			}
		}
		targets, err := explain.Parse(words, as)
		if err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
		all = append(all, targets...)
	}
	return all
}

func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/explain/*/targets")
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d golden cases (%v): is the folder in place?", len(files), err)
	}
	told := map[string]bool{}
	for _, file := range files {
		folder := filepath.Dir(file)
		replay := loadCase(t, folder)
		var all []explain.Explanation
		for _, target := range readTargets(t, folder) {
			e, err := explain.Explain(t.Context(), replay, target)
			if err != nil {
				t.Errorf("%s: %s: %v", folder, target, err)
				continue
			}
			for _, d := range e.Decisions {
				told[d.Rule] = true
				if d.Meaning == "" || d.Upstream == "" || d.Outcome == "" || d.About == "" {
					t.Errorf("%s: %s: decision lacks something: %+v", folder, target, d)
				}
			}
			all = append(all, e)
		}
		compareWanted(t, folder, all)
	}
	for _, rule := range rules() {
		_, never := unreachable[rule]
		switch {
		case told[rule] && never:
			t.Errorf("rule %s is said to be unreachable, and a golden case shows it", rule)
		case !told[rule] && !never:
			t.Errorf("no golden case explains rule %s", rule)
		}
	}
}

// rules are the rules of every function whose decisions are explained.
func rules() []string {
	var all []string
	for _, r := range discoverymerge.Rules() {
		all = append(all, string(r.Name))
	}
	for _, r := range openapimerge.Rules() {
		all = append(all, string(r.Rule))
	}
	for _, r := range availability.Reasons() {
		if r.Reason != "" {
			all = append(all, r.Reason)
		}
	}
	for _, r := range proxy.RuleInfos() {
		all = append(all, r.Name)
	}
	for _, r := range aggregator.RoutingRules() {
		all = append(all, string(r.Rule))
	}
	for _, r := range aggregator.AuthorizationRules() {
		all = append(all, r.Rule)
	}
	return append(all, "NotProbed")
}

// compareWanted compares with the files that a case has: text.want, json.want and yaml.want.
func compareWanted(t *testing.T, folder string, all []explain.Explanation) {
	t.Helper()
	var text strings.Builder
	for i, e := range all {
		if i > 0 {
			text.WriteString("\n")
		}
		text.WriteString(e.Text(false))
	}
	var asJSON bytes.Buffer
	encoder := json.NewEncoder(&asJSON)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(all); err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"text.want": text.String(), "json.want": asJSON.String(), "yaml.want": string(asYAML)} {
		file := filepath.Join(folder, name)
		if _, err := os.Stat(file); err == nil || name == "text.want" {
			golden.Compare(t, file, got)
		}
	}
}
