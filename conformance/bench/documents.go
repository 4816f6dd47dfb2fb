package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// resourcesEach is how many resources a group-version has.
const resourcesEach = 20

// object is a JSON object.
type object = map[string]any

// groupName is the name of the i-th API group.
func groupName(i int) string { return fmt.Sprintf("g%04d.bench.example", i) }

// document is what a backend serves at one path.
type document struct {
	media      string
	etag       string
	body, gzip []byte
}

// newDocument encodes a document as a backend keeps it: JSON, plain and compressed.
func newDocument(media string, content any) (*document, error) {
	body, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return &document{media, fmt.Sprintf(`"%X"`, sha256.Sum256(body)), body, compressed.Bytes()}, nil
}

// ServeHTTP implements http.Handler.
func (d *document) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", d.media)
	w.Header().Set("Etag", d.etag)
	w.Header().Set("Vary", "Accept-Encoding")
	if req.Header.Get("If-None-Match") == d.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := d.body
	if strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		body = d.gzip
	}
	_, _ = w.Write(body) // a client that is gone is nobody to tell
}

// aggregatedMedia is the media type of aggregated discovery.
const aggregatedMedia = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

var verbs = []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}

// discoveryDocument is the aggregated discovery of groups; extra names a further resource of each, "" for none.
func discoveryDocument(groups []int, extra string) object {
	items := make([]any, 0, len(groups))
	for _, g := range groups {
		resources := make([]any, 0, resourcesEach+1)
		for _, name := range resourceNames(extra) {
			resources = append(resources, object{
				"resource": name + "s", "responseKind": object{"group": groupName(g), "version": "v1", "kind": kindOf(name)},
				"scope": "Namespaced", "singularResource": name, "verbs": verbs,
			})
		}
		items = append(items, object{
			"metadata": object{"name": groupName(g)},
			"versions": []any{object{"version": "v1", "freshness": "Current", "resources": resources}},
		})
	}
	return object{"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": object{}, "items": items}
}

// resourceList is the unaggregated discovery of one group-version.
func resourceList(group int, extra string) object {
	resources := make([]any, 0, resourcesEach+1)
	for _, name := range resourceNames(extra) {
		resources = append(resources, object{"name": name + "s", "singularName": name, "namespaced": true, "kind": kindOf(name), "verbs": verbs})
	}
	return object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": groupName(group) + "/v1", "resources": resources}
}

func resourceNames(extra string) []string {
	names := make([]string, 0, resourcesEach+1)
	for i := range resourcesEach {
		names = append(names, fmt.Sprintf("thing%02d", i))
	}
	if extra != "" {
		names = append(names, extra)
	}
	return names
}

func kindOf(resource string) string { return strings.ToUpper(resource[:1]) + resource[1:] }

// openAPIDocument is the OpenAPI v2 of groups, some 60 KB each, with the definitions that generated apiservers have
// in common.
func openAPIDocument(groups []int, extra string) object {
	paths := object{}
	definitions := object{
		"io.k8s.meta.v1.ObjectMeta": metaDefinition("ObjectMeta", 14),
		"io.k8s.meta.v1.ListMeta":   metaDefinition("ListMeta", 4),
		"io.k8s.meta.v1.Status":     metaDefinition("Status", 8),
	}
	for _, g := range groups {
		for _, name := range resourceNames(extra) {
			addKind(paths, definitions, groupName(g), name)
		}
	}
	return object{"swagger": "2.0", "info": object{"title": "bench", "version": "v1"}, "paths": paths, "definitions": definitions}
}

func metaDefinition(name string, fields int) object {
	properties := object{}
	for i := range fields {
		properties[fmt.Sprintf("field%d", i)] = object{"type": "string", "description": "A field of " + name + ", described as the fields of all objects are."}
	}
	return object{"type": "object", "description": name + " is what all objects have in common.", "properties": properties}
}

// addKind adds the definition of a kind and the paths of its resource.
func addKind(paths, definitions object, group, name string) {
	kind := kindOf(name)
	reversed := strings.Split(group, ".")
	definition := "example.bench." + reversed[0] + ".v1." + kind
	gvk := object{"group": group, "version": "v1", "kind": kind}
	properties := object{
		"apiVersion": object{"type": "string"}, "kind": object{"type": "string"},
		"metadata": object{"$ref": "#/definitions/io.k8s.meta.v1.ObjectMeta"},
	}
	for i := range 4 {
		properties[fmt.Sprintf("field%d", i)] = object{"type": "string", "description": "What the field of " + kind + " is for, in a sentence."}
	}
	definitions[definition] = object{
		"type": "object", "description": kind + " is a kind of " + group + ".", "properties": properties,
		"x-kubernetes-group-version-kind": []any{gvk},
	}
	ref := object{"$ref": "#/definitions/" + definition}
	operation := func(verb, action string) object {
		return object{
			"operationId": verb + definition, "description": verb + " a " + kind,
			"produces": []string{"application/json"}, "x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk,
			"responses": object{"200": object{"description": "OK", "schema": ref}, "401": object{"description": "Unauthorized"}},
		}
	}
	parameter := func(in string) object {
		return object{"in": "path", "name": in, "type": "string", "required": true, "description": "name of the " + in}
	}
	base := "/apis/" + group + "/v1/namespaces/{namespace}/" + name + "s"
	paths[base] = object{"get": operation("list", "list"), "post": operation("create", "post"), "parameters": []any{parameter("namespace")}}
	paths[base+"/{name}"] = object{
		"get": operation("read", "get"), "delete": operation("delete", "delete"),
		"parameters": []any{parameter("namespace"), parameter("name")},
	}
}

// v3Index is the OpenAPI v3 index of groups. version is part of each hash.
func v3Index(groups []int, version string) object {
	paths := object{}
	for _, g := range groups {
		path := "apis/" + groupName(g) + "/v1"
		hash := fmt.Sprintf("%X", sha256.Sum256([]byte(path+version)))
		paths[path] = object{"serverRelativeURL": "/openapi/v3/" + path + "?hash=" + hash}
	}
	return object{"paths": paths}
}

// payloadSize is that of the answer to a proxied request.
const payloadSize = 500

// payload is an object of payloadSize bytes.
var payload = []byte(`{"kind":"Thing00","apiVersion":"g0000.bench.example/v1","data":"` +
	strings.Repeat("x", payloadSize-66) + `"}`)

// watchEvent is one line of a watch, at a time.
func watchEvent(now time.Time) []byte {
	return fmt.Appendf(nil, `{"type":"MODIFIED","object":{"kind":"Thing00","apiVersion":"g0000.bench.example/v1","metadata":{"name":"one","resourceVersion":"%d"},"data":%q}}`+"\n",
		now.UnixNano(), strings.Repeat("x", 100))
}
