package openapimerge

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/openapiconv"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/internal/bounds"
)

// fuzzedSize is the longest input that is fuzzed: longer ones make a short run shorter and find nothing more.
const fuzzedSize = 1 << 16

// addGolden adds what encode makes of every input of the golden cases, nil left out.
func addGolden(f *testing.F, encode func(Input) ([]byte, error)) {
	f.Helper()
	files, err := filepath.Glob("../testdata/openapimerge/*/input.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden cases: %v", err)
	}
	for _, file := range files {
		inputs, _ := readGolden(f, filepath.Dir(file))
		for _, in := range inputs {
			data, err := encode(in)
			if err != nil {
				f.Fatal(err)
			}
			if data != nil {
				f.Add(data)
			}
		}
	}
}

func addGoldenV2(f *testing.F) {
	f.Helper()
	addGolden(f, func(in Input) ([]byte, error) {
		if in.V2 == nil {
			return nil, nil
		}
		return in.V2.JSON()
	})
	for _, text := range []string{
		"", "null", "{}", "[]", "<html>", `{"swagger":"2.0","swagger":"2.0"}`, `{"paths":null,"definitions":null}`,
		`{"paths":{"/":{"get":{}}}}`, `{"paths":{"/a":{"get":{"parameters":[null,{}],"responses":{"200":null,"x":{}}}}}}`,
		`{"definitions":{"A":{"$ref":"#/definitions/A"},"B":{"allOf":[{"$ref":"#/definitions/A"}],"items":[{}]}}}`,
		`{"parameters":{"p":{"$ref":"#/parameters/p"}},"paths":{"/a":{"parameters":[{"$ref":"#/parameters/p"}]}}}`,
		`{"definitions":{"A":{"x-kubernetes-group-version-kind":[null,1,{"group":1}]}}}`,
	} {
		f.Add([]byte(text))
	}
}

func FuzzDecodeV2(f *testing.F) {
	addGoldenV2(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > fuzzedSize {
			t.Skip("too long")
		}
		bounds.Check(t, len(data), func() {
			want := &spec.Swagger{}
			wantErr := want.UnmarshalJSON(data)
			doc, err := DecodeV2(data)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("error %v, kube-openapi's %v", err, wantErr)
			}
			if err != nil {
				return
			}
			encoded, err := EncodeV2JSON(doc)
			if err != nil {
				return
			}
			if diff := cmp.Diff(string(encodeV2(t, want)), string(encoded)); diff != "" {
				t.Fatalf("differs from kube-openapi (-want +got):\n%s", diff)
			}
			mergeDecoded(t, prepare(doc), &handler3.OpenAPIV3Discovery{})
			if diff := cmp.Diff(string(encoded), string(encodeV2(t, doc))); diff != "" {
				t.Fatalf("the merge changed the document (-before +after):\n%s", diff)
			}
			checkPacked(t, readDocument(t, data), encoded)
		})
	})
}

// checkPacked holds a document to its encoding, and every path of it to being decoded again.
func checkPacked(t *testing.T, doc *Document, encoded []byte) {
	t.Helper()
	got, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(encoded), string(got)); diff != "" {
		t.Fatalf("read, it is encoded otherwise (-decoded +read):\n%s", diff)
	}
	if _, err := doc.Swagger(); err != nil {
		t.Fatal(err)
	}
	for i := range doc.paths {
		item, err := doc.pathItem(i)
		if err != nil {
			t.Fatal(err)
		}
		want, err := doc.pathJSON(i)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := item.MarshalJSON(); err != nil || string(got) != string(want) {
			t.Fatalf("%s is encoded as %s, decoded again as %s: %v", doc.paths[i], want, got, err)
		}
	}
	mergeDecoded(t, doc, &handler3.OpenAPIV3Discovery{})
}

func FuzzDecodeV3Index(f *testing.F) {
	addGolden(f, func(in Input) ([]byte, error) {
		if in.V3 == nil {
			return nil, nil
		}
		return EncodeV3Index(in.V3)
	})
	for _, text := range []string{"", "null", "{}", "[]", "<html>", `{"paths":null}`, `{"Paths":{"":{"serverRelativeURL":"%"}}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > fuzzedSize {
			t.Skip("too long")
		}
		bounds.Check(t, len(data), func() {
			want := &handler3.OpenAPIV3Discovery{}
			wantErr := json.Unmarshal(data, want)
			index, err := DecodeV3Index(data)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("error %v, the kube-aggregator's %v", err, wantErr)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(want, index); diff != "" {
				t.Fatalf("differs from the kube-aggregator (-want +got):\n%s", diff)
			}
			merged := mergeDecoded(t, nil, index)
			for key, entry := range index.Paths {
				if merged.Index.Paths[key] != entry {
					t.Errorf("key %q is served as %+v, the backend has %+v", key, merged.Index.Paths[key], entry)
				}
			}
		})
	})
}

func FuzzConvert(f *testing.F) {
	addGoldenV2(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > fuzzedSize {
			t.Skip("too long")
		}
		doc, err := DecodeV2(data)
		if err != nil {
			return
		}
		before, err := EncodeV2JSON(doc)
		if err != nil {
			return
		}
		bounds.Check(t, len(data), func() {
			got, err := Convert(prepare(doc))
			if err != nil {
				t.Skipf("cannot be encoded: %v", err)
			}
			if diff := cmp.Diff(string(before), string(encodeV2(t, doc))); diff != "" {
				t.Fatalf("the conversion changed its source (-before +after):\n%s", diff)
			}
			checkConversion(t, doc, got)
		})
	})
}

// checkConversion holds a conversion to kube-openapi's, which panics on what Convert mends first.
func checkConversion(t *testing.T, doc *spec.Swagger, got *Conversion) {
	t.Helper()
	if got.fixed == 0 {
		want, err := EncodeV3JSON(openapiconv.ConvertV2ToV3(doc))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got.JSON)); diff != "" {
			t.Fatalf("differs from kube-openapi (-want +got):\n%s", diff)
		}
	}
	if err := json.Unmarshal(got.JSON, &spec3.OpenAPI{}); err != nil {
		t.Errorf("clients cannot read the converted document: %v\n%s", err, got.JSON)
	}
}

// mergeDecoded merges what was decoded with another backend's: whatever a backend serves must not stop the others.
func mergeDecoded(t *testing.T, doc *Document, index *handler3.OpenAPIV3Discovery) V3Result {
	t.Helper()
	const path = "/apis/z.example/v1/zs"
	other, err := DecodeV2([]byte(`{"swagger":"2.0","info":{"title":"z","version":"1"},"paths":{"` + path + `":{"get":{"responses":{}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	in := []Input{
		{APIService: "v1.a.example", Group: "a.example", Version: "v1", Backend: "ns/a:443", V2: doc, V3: index},
		{APIService: "v1.z.example", Group: "z.example", Version: "v1", Backend: "ns/z:443", V2: prepare(other)},
	}
	v2, err := MergeV2(in, Quirks{})
	if err != nil {
		t.Fatalf("the merge fails: %v", err)
	}
	if _, listed := v2.paths[path]; !listed {
		t.Errorf("the other backend's path is missing: %s", encodeV2(t, decoded(t, v2)))
	}
	_, _ = MergeV2(in, UpstreamQuirks())
	v3 := MergeV3(in, Quirks{})
	if _, listed := v3.Index.Paths["apis/z.example/v1"]; !listed {
		t.Errorf("the other backend's key is missing: %+v", v3.Index)
	}
	return v3
}
