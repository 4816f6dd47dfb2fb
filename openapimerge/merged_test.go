package openapimerge

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"pgregory.net/rapid"
)

// A document that is put together from parts is the one that the library encodes.
func TestMergedJSONIsTheLibrarys(t *testing.T) {
	t.Parallel()
	copied, written := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		result, err := MergeV2(randomInputs(rt), randomQuirks(rt))
		if err != nil {
			return
		}
		want, err := EncodeV2JSON(decoded(rt, result))
		if err != nil {
			rt.Fatal(err)
		}
		var got partsWriter
		err = result.WriteJSON(&got)
		if err != nil || !bytes.Equal(want, got.Bytes()) {
			rt.Fatalf("error %v, differs (-library +parts):\n%s", err, cmp.Diff(string(want), got.String()))
		}
		if len(got.names) > 0 && !slices.Equal(got.names, partNames(rt, want)) {
			rt.Fatalf("the parts are %q", got.names)
		}
		for i, start := range got.starts {
			if member := bytes.TrimPrefix(got.Bytes()[start:], []byte(",")); !bytes.HasPrefix(member, []byte(strconv.Quote(got.names[i])+":")) {
				rt.Fatalf("%s begins with %.40s", got.names[i], member)
			}
		}
		for _, entry := range result.paths {
			if entry.rewritten == nil && entry.doc.whole == nil {
				copied++
			} else {
				written++
			}
		}
	})
	if copied == 0 || written == 0 {
		t.Errorf("%d paths were copied, %d written", copied, written)
	}
}

// partsWriter takes down, beside the document, where its parts begin.
type partsWriter struct {
	bytes.Buffer

	names  []string
	starts []int
}

func (w *partsWriter) Part(name string) {
	w.names, w.starts = append(w.names, name), append(w.starts, w.Len())
}

// partNames are those of the paths and definitions, as they follow each other.
func partNames(t rapid.TB, document []byte) []string {
	t.Helper()
	var members struct{ Definitions, Paths map[string]json.RawMessage }
	if err := json.Unmarshal(document, &members); err != nil {
		t.Fatal(err)
	}
	return append(slices.Sorted(maps.Keys(members.Paths)), slices.Sorted(maps.Keys(members.Definitions))...)
}

// With an earlier result at hand, whatever it is of, the result is the one that it would be without.
func TestMergeAfterAnother(t *testing.T) {
	t.Parallel()
	taken := 0
	rapid.Check(t, func(rt *rapid.T) {
		var earlier V2Result
		quirks := randomQuirks(rt)
		inputs := randomInputs(rt)
		for range 3 {
			want, wantErr := MergeV2(inputs, quirks)
			got, err := MergeV2After(earlier, inputs, quirks)
			if (err == nil) != (wantErr == nil) {
				rt.Fatalf("error %v, without an earlier result %v", err, wantErr)
			}
			if diff := cmp.Diff(want.Decisions, got.Decisions); diff != "" {
				rt.Fatalf("other decisions (-without +with an earlier result):\n%s", diff)
			}
			if err == nil {
				if diff := cmp.Diff(encoding(rt, want), encoding(rt, got)); diff != "" {
					rt.Fatalf("another document (-without +with an earlier result):\n%s", diff)
				}
				taken += takenFrom(earlier, got)
				earlier = got
			}
			inputs = changeOne(rt, inputs)
		}
	})
	if taken == 0 {
		t.Error("nothing was ever taken from an earlier result")
	}
}

func encoding(t rapid.TB, r V2Result) string {
	t.Helper()
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// takenFrom counts what a result has from an earlier one.
func takenFrom(earlier, result V2Result) int {
	n := 0
	for name, entry := range result.paths {
		if entry.rewritten != nil && entry.rewritten == earlier.paths[name].rewritten {
			n++
		}
	}
	for name, def := range result.definitions {
		if before := earlier.definitions[name]; before != nil && def.rewritten != nil && def.rewritten == before.rewritten {
			n++
		}
	}
	return n
}

// changeOne puts another document in the place of an input's, or leaves one out.
func changeOne(rt *rapid.T, inputs []Input) []Input {
	if len(inputs) == 0 {
		return inputs
	}
	out := slices.Clone(inputs)
	i := rapid.IntRange(0, len(out)-1).Draw(rt, "changed")
	others := randomInputs(rt)
	if len(others) == 0 || rapid.Bool().Draw(rt, "left out") {
		return slices.Delete(out, i, i+1)
	}
	out[i].V2, out[i].V2ETag, out[i].V2Failure = others[0].V2, others[0].V2ETag, others[0].V2Failure
	return out
}

// decoded is the result's document.
func decoded(t rapid.TB, r V2Result) *spec.Swagger {
	t.Helper()
	document, err := r.Document()
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// swagger is the document of an input, decoded.
func swagger(t rapid.TB, d *Document) *spec.Swagger {
	t.Helper()
	document, err := d.Swagger()
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// readDocument decodes a document that is sound.
func readDocument(t rapid.TB, data []byte) *Document {
	t.Helper()
	document, err := ReadDocument(data)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// What the encoding has no parts for is left to the library.
func TestMergedJSONOfOddDocuments(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*spec.Swagger){
		"nothing odd":    func(*spec.Swagger) {},
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
		"an extension like the seam": func(d *spec.Swagger) {
			d.Info.Extensions = spec.Extensions{"x-a": map[string]any{"definitions": map[string]any{seam: 1.0}}}
		},
		"an extension quite like the seam": func(d *spec.Swagger) {
			d.Info.Extensions = spec.Extensions{"x-a": map[string]any{"definitions": map[string]any{seam: map[string]any{}}}}
		},
		"extensions of paths": func(d *spec.Swagger) { d.Paths.Extensions = spec.Extensions{"x-a": 1.0} },
	} {
		document := &spec.Swagger{SwaggerProps: spec.SwaggerProps{
			Swagger: "2.0", Info: &spec.Info{}, Definitions: spec.Definitions{"b": {}, "a": {}},
			Paths: &spec.Paths{Paths: map[string]spec.PathItem{"/b": {}, "/a": {}}},
		}}
		change(document)
		data, err := EncodeV2JSON(document)
		if err != nil {
			t.Fatal(err)
		}
		for form, in := range map[string]*Document{"decoded": prepare(document), "read": readDocument(t, data)} {
			got, err := in.JSON()
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s, %s: error %v, encoded (-library +got):\n%s", name, form, err, cmp.Diff(string(data), string(got)))
			}
			result, err := MergeV2([]Input{{APIService: "local", Local: true, V2: in}}, Quirks{})
			if err != nil {
				t.Fatal(err)
			}
			want, err := EncodeV2JSON(decoded(t, result))
			if err != nil {
				t.Fatal(err)
			}
			if got, err = result.JSON(); err != nil || !bytes.Equal(want, got) {
				t.Errorf("%s, %s: error %v, merged (-library +parts):\n%s", name, form, err, cmp.Diff(string(want), string(got)))
			}
		}
	}
}

func TestDocumentIsPacked(t *testing.T) {
	t.Parallel()
	data := []byte(`{"swagger":"2.0","info":{"title":"a \"}{,:\\","version":""},"paths":{"/a":{"get":{"description":"}","responses":{"200":{"description":"{"}}}},"/b":{}},"definitions":{"A":{"enum":["{",",",1,null]}}}`)
	d := readDocument(t, data)
	if d.whole != nil {
		t.Fatal("the document is not packed")
	}
	if got := string(d.encodedDefinitions[0]); got != `{"enum":["{",",",1,null]}` {
		t.Errorf("A is %s", got)
	}
	if got := string(d.encodedPaths[1]); len(d.encodedPaths) != 2 || got != `{}` {
		t.Errorf("/b is %s", got)
	}
	for _, odd := range []string{`{"get":{}}`, `{"get":{"responses":null}}`, `{"put":{"responses":{"default":{}}}}`} {
		data := `{"swagger":"2.0","info":{"title":"","version":""},"paths":{"/a":` + odd + `},"definitions":{}}`
		if d := readDocument(t, []byte(data)); d.whole == nil {
			t.Errorf("%s is packed, though its encoding does not tell all of it", odd)
		}
	}
	if !d.HasPath("/a") || d.HasPath("/c") || !d.HasDefinition("A") || d.HasDefinition("B") {
		t.Errorf("paths %q, definitions %q", d.Paths(), d.Definitions())
	}
}

// Whatever is divided, nothing breaks, and what is accepted is put together again.
func FuzzEachMember(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1}`, `{"a":{"b":[1,"]"]},"c":"\\\""}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a`, `{"a":"\`, `{"a":[}`, `{1:2}`, `{"a" :1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		var again []byte
		if !eachMember(object, func(name, value []byte) {
			again = append(append(append(append(again, ','), name...), ':'), value...)
		}) {
			return
		}
		want := object[1 : len(object)-1]
		if len(again) > 0 {
			again = again[1:]
		}
		if !bytes.Equal(again, want) {
			t.Errorf("%q was divided into %q", object, again)
		}
	})
}
