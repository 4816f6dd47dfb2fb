package openapimerge

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"pgregory.net/rapid"
)

// A document that is put together from parts is the one that the library encodes,
// whatever was encoded before it.
func TestEncodeJSONIsTheLibrarys(t *testing.T) {
	t.Parallel()
	reused := 0
	rapid.Check(t, func(rt *rapid.T) {
		var known Fragments
		inputs := randomInputs(rt)
		for range 3 {
			result, err := MergeV2(inputs, randomQuirks(rt))
			if err != nil {
				continue
			}
			want, err := EncodeV2JSON(result.Document)
			if err != nil {
				rt.Fatal(err)
			}
			got, next, err := result.EncodeJSON(known)
			if err != nil || !bytes.Equal(want, got) {
				rt.Fatalf("error %v, differs (-library +parts):\n%s", err, cmp.Diff(string(want), string(got)))
			}
			for from := range next {
				if _, ok := known[from]; ok {
					reused++
				}
			}
			known = next
			inputs = changeOne(rt, inputs)
		}
	})
	if reused == 0 {
		t.Error("no part was ever used again")
	}
}

// changeOne prepares the inputs' documents and puts another one in the place of
// one of them.
func changeOne(rt *rapid.T, inputs []Input) []Input {
	prepared := map[*spec.Swagger]*Prepared{}
	out := make([]Input, len(inputs))
	for i, in := range inputs {
		if in.V2 != nil {
			if in.Prepared == nil && prepared[in.V2] == nil {
				prepared[in.V2] = prepare(rt, in.V2)
			}
			if in.Prepared == nil {
				in.Prepared = prepared[in.V2]
				in.V2 = in.Prepared.Source()
			}
		}
		out[i] = in
	}
	if len(out) > 0 {
		others := randomInputs(rt)
		if len(others) > 0 {
			i := rapid.IntRange(0, len(out)-1).Draw(rt, "changed")
			// What was prepared of the old document stays, and has to be ignored.
			out[i].V2, out[i].V2ETag, out[i].V2Failure = others[0].V2, others[0].V2ETag, others[0].V2Failure
		}
	}
	return out
}

// prepare may prepare the document as one that comes encoded.
func prepare(rt *rapid.T, doc *spec.Swagger) *Prepared {
	if rapid.Bool().Draw(rt, "not encoded") {
		return Prepare(doc)
	}
	// The second encoding is that of a document as it is decoded.
	var p *Prepared
	for range 2 {
		data, err := EncodeV2JSON(doc)
		if err != nil {
			return Prepare(doc)
		}
		if p, err = PrepareEncoded(data); err != nil {
			rt.Fatal(err)
		}
		doc = p.Source()
	}
	return p
}

// What the encoding has no parts for is left to the library.
func TestEncodeJSONOfOddDocuments(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*spec.Swagger){
		"no definitions": func(d *spec.Swagger) { d.Definitions = nil },
		"no paths":       func(d *spec.Swagger) { d.Paths = nil },
		"empty":          func(d *spec.Swagger) { d.Paths, d.Definitions = &spec.Paths{}, spec.Definitions{} },
		"names to escape": func(d *spec.Swagger) {
			d.Definitions["\"quoted\" <&> é \u2028"] = spec.Schema{}
			d.Paths.Paths["/\\\u0001"] = spec.PathItem{}
		},
		"a path that is none":  func(d *spec.Swagger) { d.Paths.Paths["b"] = spec.PathItem{} },
		"names of generics":    func(d *spec.Swagger) { d.Definitions["a<b>&[c]"] = spec.Schema{} },
		"a name like the seam": func(d *spec.Swagger) { d.Definitions[seam] = spec.Schema{} },
		"a text like the seam": func(d *spec.Swagger) {
			d.Info.Description = `"definitions":{"` + seam + `":{}`
			d.Extensions = spec.Extensions{"x-seam": map[string]any{seam: map[string]any{}}}
		},
		"extensions of paths": func(d *spec.Swagger) { d.Paths.Extensions = spec.Extensions{"x-a": 1} },
	} {
		document := &spec.Swagger{SwaggerProps: spec.SwaggerProps{
			Swagger: "2.0", Info: &spec.Info{}, Definitions: spec.Definitions{"b": {}, "a": {}},
			Paths: &spec.Paths{Paths: map[string]spec.PathItem{"/b": {}, "/a": {}}},
		}}
		change(document)
		want, err := EncodeV2JSON(document)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := V2Result{Document: document}.EncodeJSON(nil)
		if err != nil || !bytes.Equal(want, got) {
			t.Errorf("%s: error %v (-library +parts):\n%s", name, err, cmp.Diff(string(want), string(got)))
		}
	}
}
