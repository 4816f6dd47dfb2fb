package openapimerge

import (
	"encoding/json"
	"os"
	"slices"
	"sort"
	"testing"

	"k8s.io/kube-openapi/pkg/aggregator"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"pgregory.net/rapid"

	"github.com/kagg-project/kagg/internal/tally"
)

// cases counts what was compared with upstream.
var cases tally.Tally

// What the cases are compared with.
const (
	upstreamMerge      = "kube-openapi's pkg/aggregator, merge"
	upstreamFilter     = "kube-openapi's pkg/aggregator, filter"
	upstreamConversion = "kube-openapi's pkg/openapiconv"
	upstreamModels     = "kube-openapi's pkg/util/proto, models"
)

// TestMain tells how many cases were compared.
func TestMain(m *testing.M) {
	code := m.Run()
	if err := cases.Print(os.Stdout); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// upstreamLess is byPriority.Less of kube-aggregator's priority.go on Inputs, bug and all.
func upstreamLess(a, b Input, priorities map[string]int32) bool {
	if a.Local != b.Local {
		return a.Local
	}
	if a.Local {
		return a.APIService < b.APIService
	}
	aPriority, bPriority := a.VersionPriority, a.VersionPriority
	if a.Group != b.Group {
		aPriority, bPriority = priorities[a.Group], priorities[b.Group]
	}
	if aPriority != bPriority {
		return aPriority > bPriority
	}
	return a.APIService < b.APIService
}

// upstreamMergeV2 runs kube-openapi's own filter and merge as the kube-aggregator does, on a copy of its own
// of each APIService's document. It returns nil when nothing was merged.
func upstreamMergeV2(t rapid.TB, in []Input) (*spec.Swagger, error) {
	t.Helper()
	in = slices.Clone(in)
	priorities := groupPriorities(in)
	sort.SliceStable(in, func(i, j int) bool { return upstreamLess(in[i], in[j], priorities) })
	var merged *spec.Swagger
	for _, input := range in {
		if input.V2 == nil {
			continue
		}
		doc := clone(t, swagger(t, input.V2))
		if !input.Local {
			doc = aggregator.FilterSpecByPathsWithoutSideEffects(doc, []string{"/apis/" + input.Group + "/" + input.Version + "/"})
		}
		if merged == nil {
			merged = &spec.Swagger{}
			*merged = *doc
			merged.Paths, merged.Definitions, merged.Parameters = nil, nil, nil
		}
		if err := aggregator.MergeSpecsIgnorePathConflictRenamingDefinitionsAndParameters(merged, doc); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

func clone(t rapid.TB, doc *spec.Swagger) *spec.Swagger {
	t.Helper()
	out, err := DecodeV2(encodeV2(t, doc))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func encodeV2(t rapid.TB, doc *spec.Swagger) []byte {
	t.Helper()
	data, err := EncodeV2JSON(doc)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// parsed is what a client makes of a document.
func parsed(t rapid.TB, doc *spec.Swagger) any {
	t.Helper()
	var out any
	if err := json.Unmarshal(encodeV2(t, doc), &out); err != nil {
		t.Fatal(err)
	}
	return out
}
