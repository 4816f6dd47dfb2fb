package openapimerge

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The documents here make the real thing panic or recurse without end; the merge goes on.

// A shared parameter that refers to itself sends kube-openapi's filter into endless recursion.
func TestSelfReferringParameterEnds(t *testing.T) {
	t.Parallel()
	doc, err := DecodeV2([]byte(`{"swagger":"2.0","info":{"title":"a","version":"1"},"parameters":{"p":{"$ref":"#/parameters/p"}},
		"paths":{"/apis/a.example/v1/x":{"parameters":[{"$ref":"#/parameters/p"}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	in := []Input{{APIService: "v1.a.example", Group: "a.example", Version: "v1", V2: prepare(doc)}}
	for _, quirks := range []Quirks{UpstreamQuirks(), {}} {
		result, err := MergeV2(in, quirks)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(parsed(t, doc), parsed(t, decoded(t, result))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		MergeV3(in, quirks)
	}
}

// A definition without any extension meets one with group-version-kinds: kube-openapi writes to a nil map.
func TestGVKsMeetDefinitionWithoutExtensions(t *testing.T) {
	t.Parallel()
	in := make([]Input, 2)
	for i, extension := range []string{"", `,"x-kubernetes-group-version-kind":[{"group":"b.example","version":"v1","kind":"X"}]`} {
		group := string(rune('a'+i)) + ".example"
		doc, err := DecodeV2([]byte(`{"swagger":"2.0","info":{"title":"a","version":"1"},
			"paths":{"/apis/` + group + `/v1/x":{"get":{"responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/X"}}}}}},
			"definitions":{"X":{"type":"object"` + extension + `}}}`))
		if err != nil {
			t.Fatal(err)
		}
		in[i] = Input{APIService: "v1." + group, Group: group, Version: "v1", Backend: group, V2: prepare(doc)}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("upstream no longer panics here; the decision says that it does")
			}
		}()
		_, _ = upstreamMergeV2(t, in)
	}()
	result, err := MergeV2(in, UpstreamQuirks())
	if err != nil {
		t.Fatal(err)
	}
	want := []any{map[string]any{"group": "b.example", "version": "v1", "kind": "X"}}
	if diff := cmp.Diff(want, decoded(t, result).Definitions["X"].Extensions[gvkKey]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	told := false
	for _, d := range result.Decisions {
		told = told || d.Rule == RuleDefinitionGVKsUnited && strings.Contains(d.Outcome, "panics")
	}
	if !told {
		t.Errorf("no decision tells it: %+v", result.Decisions)
	}
	if len(in[0].V2.definitions[0].Extensions) != 0 {
		t.Error("the input was changed")
	}
}
