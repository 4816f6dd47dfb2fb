package openapimerge

import (
	"encoding/json"
	"fmt"
	"testing"

	"k8s.io/kube-openapi/pkg/handler3"

	"github.com/kagg-project/kagg/internal/gzipchunks"
)

// benchSizes are numbers of APIServices.
var benchSizes = []int{1, 10, 100, 1000}

// benchDocument makes a document of about 60 KB a group, as a generated apiserver serves it: kinds with
// specs and statuses, and the shared definitions of apimachinery.
func benchDocument(tb testing.TB, groups []string, flavour string) *Document {
	tb.Helper()
	definitions, paths := object{}, object{}
	for i := range 15 {
		properties := object{"next": object{"$ref": fmt.Sprintf("#/definitions/io.k8s.meta.Shared%d", (i+1)%15)}}
		for j := range 12 {
			properties[fmt.Sprintf("field%d", j)] = object{"type": "string", "description": "A field that every apiserver's objects have" + flavour}
		}
		definitions[fmt.Sprintf("io.k8s.meta.Shared%d", i)] = object{"type": "object", "description": "Shared by all.", "properties": properties}
	}
	gvks := []any{}
	for _, group := range groups {
		gvks = append(gvks, object{"group": group, "version": "v1", "kind": "Shared0"})
		for kind := range 8 {
			benchKind(definitions, paths, group, kind)
		}
	}
	shared, ok := definitions["io.k8s.meta.Shared0"].(object)
	if !ok {
		tb.Fatal("no shared definition")
	}
	shared["x-kubernetes-group-version-kind"] = gvks
	data, err := json.Marshal(object{"swagger": "2.0", "info": object{"title": "bench", "version": "1"}, "paths": paths, "definitions": definitions})
	if err != nil {
		tb.Fatal(err)
	}
	doc, err := ReadDocument(data)
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

func benchKind(definitions, paths object, group string, kind int) {
	name := fmt.Sprintf("example.%s.v1.Kind%d", group, kind)
	ref := object{"$ref": "#/definitions/" + name}
	properties := object{"metadata": object{"$ref": "#/definitions/io.k8s.meta.Shared0"}}
	for i := range 15 {
		properties[fmt.Sprintf("field%d", i)] = object{"type": "array", "items": object{"type": "string"}, "description": "What the field is for, in a sentence of the usual length, and what its default is."}
	}
	definitions[name] = object{
		"type": "object", "properties": properties, "required": []string{"field0"},
		"x-kubernetes-group-version-kind": []any{object{"group": group, "version": "v1", "kind": fmt.Sprintf("Kind%d", kind)}},
	}
	definitions[name+"List"] = object{"type": "object", "properties": object{"items": object{"type": "array", "items": ref}}}
	operation := func(verb string) object {
		return object{
			"operationId": verb + name, "description": verb + " a kind", "consumes": []string{"application/json"}, "produces": []string{"application/json"},
			"parameters": []any{
				object{"in": "body", "name": "body", "required": true, "schema": ref},
				object{"in": "query", "name": "dryRun", "type": "string", "description": "When present, indicates that modifications should not be persisted."},
				object{"in": "query", "name": "pretty", "type": "string", "description": "If 'true', then the output is pretty printed."},
			},
			"responses": object{"200": object{"description": "OK", "schema": ref}, "201": object{"description": "Created", "schema": ref}, "401": object{"description": "Unauthorized"}},
		}
	}
	for _, suffix := range []string{"", "/{name}"} {
		item := object{}
		for _, verb := range []string{"get", "put", "post", "delete"} {
			item[verb] = operation(verb)
		}
		paths[fmt.Sprintf("/apis/%s/v1/kind%ds%s", group, kind, suffix)] = item
	}
}

func benchGroups(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("group%04d.example", i)
	}
	return out
}

// oneDocument are n APIServices on one backend; conflicting adds a local document that forces renames.
func oneDocument(tb testing.TB, n int, conflicting bool) []Input {
	tb.Helper()
	doc := benchDocument(tb, benchGroups(n), "")
	in := make([]Input, 0, n+1)
	for _, group := range benchGroups(n) {
		in = append(in, Input{APIService: "v1." + group, Group: group, Version: "v1", Backend: "ns/all:443", V2: doc, V2ETag: "all"})
	}
	if conflicting {
		in = append(in, Input{APIService: "delegate", Local: true, Backend: "local", V2: benchDocument(tb, []string{"local"}, "!")})
	}
	return in
}

// documentEach are n APIServices on a backend each.
func documentEach(tb testing.TB, n int, conflicting bool) []Input {
	tb.Helper()
	in := make([]Input, 0, n+1)
	for _, group := range benchGroups(n) {
		in = append(in, Input{APIService: "v1." + group, Group: group, Version: "v1", Backend: "ns/" + group + ":443", V2: benchDocument(tb, []string{group}, ""), V2ETag: group})
	}
	if conflicting {
		in = append(in, Input{APIService: "delegate", Local: true, Backend: "local", V2: benchDocument(tb, []string{"local"}, "!")})
	}
	return in
}

func BenchmarkMergeV2(b *testing.B) {
	shapes := []struct {
		name        string
		make        func(testing.TB, int, bool) []Input
		conflicting bool
	}{
		{"one-document", oneDocument, false},
		{"document-each", documentEach, false},
		{"one-document-renamed", oneDocument, true},
		{"document-each-renamed", documentEach, true},
	}
	for _, shape := range shapes {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				in := shape.make(b, n, shape.conflicting)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := MergeV2(in, UpstreamQuirks()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// indexEach are n APIServices on a backend each, with an OpenAPI v3 index; those of old backends have v2 alone, which
// was converted when it was fetched.
func indexEach(tb testing.TB, n int, old bool) []Input {
	tb.Helper()
	in := documentEach(tb, n, false)
	for i := range in {
		key := "apis/" + in[i].Group + "/v1"
		in[i].V3 = &handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{
			key: {ServerRelativeURL: "/openapi/v3/" + key + "?hash=0"},
		}}
		if !old {
			continue
		}
		in[i].V3 = nil
		converted, err := Convert(in[i].V2)
		if err != nil {
			tb.Fatal(err)
		}
		in[i].Conversion = converted
	}
	return in
}

func BenchmarkMergeV3(b *testing.B) {
	for _, shape := range []struct {
		name string
		old  bool
	}{{"index-each", false}, {"converted-each", true}} {
		for _, n := range benchSizes {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				in := indexEach(b, n, shape.old)
				b.ReportAllocs()
				for b.Loop() {
					if got := MergeV3(in, UpstreamQuirks()); len(got.Index.Paths) != n {
						b.Fatal(len(got.Index.Paths))
					}
				}
			})
		}
	}
}

// BenchmarkMergeV2After merges once more after one of the documents changed.
func BenchmarkMergeV2After(b *testing.B) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("document-each-renamed/%d", n), func(b *testing.B) {
			in := documentEach(b, n, true)
			earlier, err := MergeV2(in, UpstreamQuirks())
			if err != nil {
				b.Fatal(err)
			}
			in[0].V2 = benchDocument(b, []string{in[0].Group}, "")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := MergeV2After(earlier, in, UpstreamQuirks()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMergedJSON puts the merged document together: as one text, and in chunks of which all but one document's are
// there already.
func BenchmarkMergedJSON(b *testing.B) {
	for _, n := range benchSizes {
		in := documentEach(b, n, false)
		earlier, chunks := mergedInChunks(b, in, nil)
		in[n-1] = documentEach(b, n+1, false)[n]
		result, _ := mergedInChunks(b, in, chunks)
		b.Run(fmt.Sprintf("text/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := earlier.JSON(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("chunks/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				writeChunks(b, result, chunks)
			}
		})
	}
}

func mergedInChunks(b *testing.B, in []Input, earlier *gzipchunks.Document) (V2Result, *gzipchunks.Document) {
	b.Helper()
	result, err := MergeV2(in, UpstreamQuirks())
	if err != nil {
		b.Fatal(err)
	}
	return result, writeChunks(b, result, earlier)
}

func writeChunks(b *testing.B, result V2Result, earlier *gzipchunks.Document) *gzipchunks.Document {
	b.Helper()
	builder := gzipchunks.NewBuilder(earlier)
	if err := result.WriteJSON(builder); err != nil {
		b.Fatal(err)
	}
	return builder.Document()
}
