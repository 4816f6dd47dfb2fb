package openapimerge

import (
	"encoding/json"
	"testing"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/aggregator"
	"k8s.io/kube-openapi/pkg/openapiconv"
	openapiproto "k8s.io/kube-openapi/pkg/util/proto"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"pgregory.net/rapid"
)

// wholeResult is everything that the two merges say, as bytes.
func wholeResult(t rapid.TB, in []Input, q Quirks) []byte {
	t.Helper()
	v2, err := MergeV2(in, q)
	text := ""
	if err != nil {
		text = err.Error()
	}
	var doc json.RawMessage
	if err == nil {
		doc = encodeV2(t, decoded(t, v2))
	}
	v3 := MergeV3(in, q)
	converted := map[string]string{}
	for key, conversion := range v3.Conversions {
		converted[key] = string(conversion.JSON)
	}
	data, err := json.Marshal(map[string]any{
		"error": text, "v2": doc, "etag": v2.ETag, "v2decisions": v2.Decisions,
		"index": v3.Index, "owners": v3.Owners, "converted": converted, "v3decisions": v3.Decisions,
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func randomQuirks(t *rapid.T) Quirks {
	return rapid.SampledFrom([]Quirks{UpstreamQuirks(), {}}).Draw(t, "quirks")
}

func TestOrderOfInputsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in, quirks := randomInputs(rt), randomQuirks(rt)
		want := wholeResult(rt, in, quirks)
		got := wholeResult(rt, rapid.Permutation(in).Draw(rt, "permuted"), quirks)
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			rt.Fatalf("another order gives another result (-first +permuted):\n%s", diff)
		}
	})
}

func TestInputsStayUntouched(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in, quirks := randomInputs(rt), randomQuirks(rt)
		before, err := json.Marshal(in)
		if err != nil {
			rt.Fatal(err)
		}
		first := wholeResult(rt, in, quirks)
		after, err := json.Marshal(in)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(string(before), string(after)); diff != "" {
			rt.Fatalf("the merge changed its inputs (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(string(first), string(wholeResult(rt, in, quirks))); diff != "" {
			rt.Fatalf("a second merge gives another result:\n%s", diff)
		}
	})
}

// Documents that are one pointer and documents that are equal copies give the same.
func TestSharingADocumentDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := randomInputs(rt)
		apart := make([]Input, len(in))
		for i, input := range in {
			if input.V2 != nil {
				input.V2 = prepare(clone(rt, swagger(rt, input.V2)))
			}
			apart[i] = input
		}
		want, wantErr := MergeV2(in, UpstreamQuirks())
		got, err := MergeV2(apart, UpstreamQuirks())
		if (err == nil) != (wantErr == nil) {
			rt.Fatalf("error %v, shared %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(string(encodeV2(rt, decoded(rt, want))), string(encodeV2(rt, decoded(rt, got)))); diff != "" {
			rt.Fatalf("copies give another result (-shared +copies):\n%s", diff)
		}
	})
}

func TestWithoutQuirksNothingFails(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		if _, err := MergeV2(randomInputs(rt), Quirks{}); err != nil {
			rt.Fatal(err)
		}
	})
}

// randomDecoded is a random document as a backend's is read.
func randomDecoded(rt *rapid.T) *spec.Swagger {
	data, err := json.Marshal(randomDocument(rt, randomPool(rt)))
	if err != nil {
		rt.Fatal(err)
	}
	doc, err := DecodeV2(data)
	if err != nil {
		rt.Fatal(err)
	}
	return doc
}

func TestFilterEqualsKubeOpenAPI(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		doc := randomDecoded(rt)
		prefix := rapid.SampledFrom([]string{"/apis/one.example/v1/", "/apis/two.example/v2/", "/apis/", "/none/"}).Draw(rt, "prefix")
		cases.Add(upstreamFilter)
		want := aggregator.FilterSpecByPathsWithoutSideEffects(clone(rt, doc), []string{prefix})
		got, err := filterV2(prepare(doc), prefix)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(parsed(rt, want), parsed(rt, got)); diff != "" {
			rt.Fatalf("differs from kube-openapi (-want +got):\n%s", diff)
		}
	})
}

func TestConversionEqualsKubeOpenAPI(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		doc := randomDecoded(rt)
		before := string(encodeV2(rt, doc))
		want, err := EncodeV3JSON(openapiconv.ConvertV2ToV3(clone(rt, doc)))
		if err != nil {
			rt.Fatal(err)
		}
		cases.Add(upstreamConversion)
		in := []Input{{APIService: "v1.one.example", Group: "one.example", Version: "v1", Backend: "ns/one:443", V2: prepare(doc)}}
		got := MergeV3(in, UpstreamQuirks()).Conversions["apis/one.example/v1"]
		if diff := cmp.Diff(string(want), string(got.JSON)); diff != "" {
			rt.Fatalf("differs from kube-openapi (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, string(encodeV2(rt, doc))); diff != "" {
			rt.Fatalf("the source was changed (-before +after):\n%s", diff)
		}
	})
}

// kubectlAccepts parses a document as kubectl does, which refuses references that lead nowhere.
func kubectlAccepts(t rapid.TB, doc *spec.Swagger) error {
	t.Helper()
	parsed, err := openapi_v2.ParseDocument(encodeV2(t, doc))
	if err != nil {
		return err
	}
	_, err = openapiproto.NewOpenAPIData(parsed)
	return err
}

func TestMergedDocumentIsAcceptedByKubectl(t *testing.T) {
	t.Parallel()
	merged := 0
	rapid.Check(t, func(rt *rapid.T) {
		p := randomPool(rt)
		var in []Input
		for _, group := range []string{"a.example", "b.example", "c.example", "d.example"} {
			// Every definition is there and used, so that no filter leaves a reference without a target.
			definitions, responses := object{}, object{}
			for i, name := range definitionNames {
				definitions[name] = pick(rt, p.definitions[name], name)
				responses[string(rune('2'+i))+"00"] = object{"description": "OK", "schema": object{"$ref": "#/definitions/" + name}}
			}
			data, err := json.Marshal(object{
				"swagger": "2.0", "info": object{"title": group, "version": "1"}, "definitions": definitions,
				"paths": object{"/apis/" + group + "/v1/x": object{"get": object{"responses": responses}}},
			})
			if err != nil {
				rt.Fatal(err)
			}
			doc, err := DecodeV2(data)
			if err != nil {
				rt.Fatal(err)
			}
			if kubectlAccepts(rt, doc) != nil {
				return
			}
			in = append(in, Input{APIService: "v1." + group, Group: group, Version: "v1", Backend: group, V2: prepare(doc), V2ETag: group})
		}
		out, err := MergeV2(in, UpstreamQuirks())
		if err != nil {
			return
		}
		merged++
		cases.Add(upstreamModels)
		if err := kubectlAccepts(rt, decoded(rt, out)); err != nil {
			rt.Fatalf("kubectl refuses the merged document: %v", err)
		}
	})
	if merged == 0 {
		t.Error("no random document was accepted to begin with")
	}
}
