package openapimerge

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/handler3"
	"pgregory.net/rapid"
)

// The random documents draw from few names, so that they meet often.
var (
	definitionNames = []string{"A", "B", "C", "C_v2", "D", "E"}
	parameterNames  = []string{"p", "q", "q_v2"}
	groupNames      = []string{"one.example", "two.example"}
	versionNames    = []string{"v1", "v2"}
)

type object = map[string]any

func randomRef(t *rapid.T, label string) object {
	return object{"$ref": "#/definitions/" + rapid.SampledFrom(definitionNames).Draw(t, label)}
}

// often is true in most draws; rapid likes small numbers.
func often(t *rapid.T, label string) bool { return rapid.IntRange(0, 5).Draw(t, label) < 5 }

// pool has a few variants of everything that has a name, so that documents drawn from it often agree.
type pool struct {
	definitions, parameters map[string][]object
}

const variants = 2

func randomPool(t *rapid.T) pool {
	p := pool{map[string][]object{}, map[string][]object{}}
	for range variants {
		for _, name := range definitionNames {
			p.definitions[name] = append(p.definitions[name], randomDefinition(t, name))
		}
		for _, name := range parameterNames {
			p.parameters[name] = append(p.parameters[name], randomParameter(t, name))
		}
	}
	return p
}

// pick draws a variant; definitions get group-version-kinds of their own.
func pick(t *rapid.T, choices []object, name string) object {
	out := maps.Clone(rapid.SampledFrom(choices).Draw(t, "variant"))
	if out["type"] == "object" && rapid.Bool().Draw(t, "has GVKs") {
		gvks := []any{}
		for range rapid.IntRange(1, 3).Draw(t, "GVKs") {
			gvks = append(gvks, object{
				"group": rapid.SampledFrom(groupNames).Draw(t, "group"), "kind": name,
				"version": rapid.SampledFrom(versionNames).Draw(t, "version"),
			})
		}
		out[gvkKey] = gvks
		if rapid.IntRange(0, 30).Draw(t, "broken GVKs") == 30 {
			out[gvkKey] = object{"kind": name}
		}
	}
	return out
}

func randomDefinition(t *rapid.T, name string) object {
	def := object{"type": "object", "description": name + rapid.SampledFrom([]string{"", " other"}).Draw(t, "description")}
	properties := object{}
	for i := range rapid.IntRange(0, 2).Draw(t, "properties") {
		key := fmt.Sprintf("f%d", i)
		switch rapid.IntRange(0, 5).Draw(t, "shape") {
		case 0:
			properties[key] = object{"type": "string"}
		case 1:
			properties[key] = randomRef(t, "property")
		case 2:
			properties[key] = object{"type": "array", "items": randomRef(t, "items")}
		case 3:
			properties[key] = object{"type": "object", "additionalProperties": randomRef(t, "additional")}
		case 4:
			properties[key] = object{"allOf": []any{randomRef(t, "allOf")}, "default": object{}}
		case 5:
			properties[key] = object{"type": "object", "patternProperties": object{"^a": randomRef(t, "pattern")}}
		}
	}
	if len(properties) > 0 {
		def["properties"] = properties
	}
	// Never the group-version-kinds alone: upstream writes into a nil map when the earlier definition has
	// no extension at all.
	def["x-note"] = "n"
	return def
}

func randomParameter(t *rapid.T, name string) object {
	switch rapid.IntRange(0, 2).Draw(t, "parameter shape") {
	case 0:
		return object{"in": "body", "name": "body", "schema": randomRef(t, "parameter schema")}
	case 1:
		return object{"in": "query", "name": name, "type": "string", "description": rapid.SampledFrom([]string{"", "other"}).Draw(t, "about")}
	default:
		return object{"in": "query", "name": name, "type": "array", "items": object{"type": "string"}}
	}
}

func randomOperation(t *rapid.T) object {
	op := object{"responses": object{
		"200":     object{"description": "OK", "schema": randomRef(t, "response")},
		"default": object{"description": "no", "schema": object{"type": "string"}},
	}}
	params := []any{}
	for range rapid.IntRange(0, 2).Draw(t, "operation parameters") {
		if rapid.Bool().Draw(t, "shared parameter") {
			params = append(params, object{"$ref": "#/parameters/" + rapid.SampledFrom(parameterNames).Draw(t, "parameter")})
		} else {
			params = append(params, object{"in": "body", "name": "body", "schema": object{"type": "array", "items": randomRef(t, "body")}})
		}
	}
	if len(params) > 0 {
		op["parameters"] = params
	}
	return op
}

func randomDocument(t *rapid.T, p pool) object {
	doc := object{"swagger": "2.0", "info": object{"title": rapid.SampledFrom([]string{"x", "y"}).Draw(t, "title"), "version": "1"}}
	paths := object{}
	for _, path := range []string{
		"/version", "/apis/", "/apis/one.example/v1/", "/apis/one.example/v1/as", "/apis/one.example/v1/cs/{name}",
		"/apis/one.example/v2/as", "/apis/two.example/v1/bs", "/apis/two.example/v2/bs",
	} {
		if often(t, path) {
			item := object{"get": randomOperation(t)}
			if rapid.Bool().Draw(t, "post") {
				item["post"] = randomOperation(t)
				item["parameters"] = []any{object{"$ref": "#/parameters/p"}}
			}
			paths[path] = item
		}
	}
	if rapid.IntRange(0, 20).Draw(t, "has paths") < 20 {
		doc["paths"] = paths
	}
	definitions, parameters := object{}, object{}
	for _, name := range definitionNames {
		if often(t, "has "+name) {
			definitions[name] = pick(t, p.definitions[name], name)
		}
	}
	for _, name := range parameterNames {
		if often(t, "has "+name) {
			parameters[name] = pick(t, p.parameters[name], name)
		}
	}
	doc["definitions"], doc["parameters"] = definitions, parameters
	return doc
}

// randomlyRead keeps a document decoded, or packed. What upstream decodes of a packed one has lost the difference
// between empty and missing lists, so that one of these is written once more before.
func randomlyRead(t *rapid.T, data []byte) *Document {
	document, err := DecodeV2(data)
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "decoded") {
		return prepare(document)
	}
	if data, err = EncodeV2JSON(document); err != nil {
		t.Fatal(err)
	}
	return readDocument(t, data)
}

// randomInputs draws up to six APIServices and two local APIs on up to four documents.
func randomInputs(t *rapid.T) []Input {
	p := randomPool(t)
	backends := make([]Input, rapid.IntRange(2, 4).Draw(t, "backends"))
	for i := range backends {
		backends[i].Backend = fmt.Sprintf("ns/backend%d:443", i)
		data, err := json.Marshal(randomDocument(t, p))
		if err != nil {
			t.Fatal(err)
		}
		switch rapid.IntRange(0, 19).Draw(t, "has v2") {
		case 19:
			backends[i].V2Failure = "connection refused"
		case 18:
		default:
			backends[i].V2 = randomlyRead(t, data)
			backends[i].V2ETag = Hash(data)
		}
		if rapid.Bool().Draw(t, "has v3") {
			backends[i].V3 = &handler3.OpenAPIV3Discovery{Paths: map[string]handler3.OpenAPIV3DiscoveryGroupVersion{}}
			for _, key := range []string{"version", "apis/one.example/v1", "apis/two.example/v2"} {
				if rapid.Bool().Draw(t, key) {
					backends[i].V3.Paths[key] = handler3.OpenAPIV3DiscoveryGroupVersion{ServerRelativeURL: V3URL(key, Hash(data))}
				}
			}
		}
	}
	var in []Input
	for i := range rapid.IntRange(0, 2).Draw(t, "locals") {
		local := rapid.SampledFrom(backends).Draw(t, "local")
		local.APIService, local.Backend, local.Local = fmt.Sprintf("delegate%d", i), "local", true
		in = append(in, local)
	}
	for _, group := range groupNames {
		for _, version := range versionNames {
			if !often(t, version+"."+group) {
				continue
			}
			input := rapid.SampledFrom(backends).Draw(t, "backend")
			input.APIService, input.Group, input.Version = version+"."+group, group, version
			input.GroupPriorityMinimum = rapid.Int32Range(1, 3).Draw(t, "group priority")
			input.VersionPriority = rapid.Int32Range(1, 3).Draw(t, "version priority")
			in = append(in, input)
		}
	}
	return in
}

func TestMergeV2EqualsUpstream(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		in := randomInputs(rt)
		want, wantErr := upstreamMergeV2(rt, in)
		cases.Add(upstreamMerge)
		got, err := MergeV2(in, UpstreamQuirks())
		if (err != nil) != (wantErr != nil) {
			rt.Fatalf("error %v, upstream %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if want == nil {
			want = emptyV2()
		}
		if diff := cmp.Diff(parsed(rt, want), parsed(rt, decoded(rt, got))); diff != "" {
			rt.Fatalf("differs from upstream (-want +got):\n%s", diff)
		}
	})
}
