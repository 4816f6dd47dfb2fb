package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/recording"
)

// documents is what one backend says of its API, read.
type documents struct {
	*recording.Backend
	// versions are the group-versions that APIServices send to the backend, in their order, with the entries that
	// discovery has of them.
	versions []ownVersion
	// v2 is the document of /openapi/v2; nil where there is none or it cannot be read.
	v2 *document
	// swagger is the same as the merge reads it.
	swagger *spec.Swagger
	// v3 are the documents of /openapi/v3/KEY, by key, without those that cannot be read.
	v3 map[string]*document
	// hasIndex tells whether the backend has /openapi/v3, be it readable or not; keys are those of its index.
	hasIndex bool
	keys     map[string]bool
	// unreadable says why documents cannot be read, by path.
	unreadable map[string]string
}

// ownVersion is a group-version that an APIService sends to a backend.
type ownVersion struct {
	schema.GroupVersion
	apiService string
	entry      *apidiscoveryv2.APIVersionDiscovery
}

// key is the group-version's in /openapi/v3.
func (v ownVersion) key() string {
	if v.Group == "" {
		return "api/" + v.Version
	}
	return "apis/" + v.Group + "/" + v.Version
}

// document is one OpenAPI document as it was written, and not as a decoder understands it.
type document struct {
	// path is where the backend serves it.
	path string
	// root is the whole document.
	root map[string]any
	// schemas are its definitions, and prefix is what references to them begin with.
	schemas map[string]any
	prefix  string
}

// names are the definitions' names, sorted.
func (d *document) names() []string { return slices.Sorted(maps.Keys(d.schemas)) }

// schema is a definition; nil where it is none.
func (d *document) schema(name string) map[string]any {
	s, _ := d.schemas[name].(map[string]any)
	return s
}

// readDocuments reads the documents of every backend of a recording.
func readDocuments(r *aggregator.Replay) []*documents {
	if r == nil {
		return nil
	}
	inputs := r.Snapshot.DiscoveryInputs()
	out := make([]*documents, 0, len(r.Recording.Backends))
	for i := range r.Recording.Backends {
		b := &r.Recording.Backends[i]
		d := &documents{Backend: b, versions: ownVersions(b, inputs), v3: map[string]*document{}, keys: map[string]bool{}, unreadable: map[string]string{}}
		d.readV2()
		d.readV3()
		out = append(out, d)
	}
	return out
}

// ownVersions picks a backend's from the inputs of the discovery merge.
func ownVersions(b *recording.Backend, inputs []discoverymerge.Input) []ownVersion {
	var out []ownVersion
	for i := range inputs {
		in := &inputs[i]
		if in.APIService == "" || in.Local || in.Backend != b.Label() {
			continue
		}
		if b.State != nil && len(b.State.APIServices) > 0 && !slices.Contains(b.State.APIServices, in.APIService) {
			continue
		}
		out = append(out, ownVersion{schema.GroupVersion{Group: in.Group, Version: in.Version}, in.APIService, in.Entry})
	}
	return out
}

func (d *documents) readV2() {
	const path = "/openapi/v2"
	if s := d.State; s != nil && s.OpenAPIV2Failure != "" {
		d.unreadable[path] = s.OpenAPIV2Failure
	}
	if d.OpenAPIV2 == nil {
		return
	}
	root, err := readObject(d.OpenAPIV2)
	if err == nil {
		d.swagger, err = openapimerge.DecodeV2(d.OpenAPIV2)
	}
	if err != nil {
		d.unreadable[path] = err.Error()
		return
	}
	d.v2 = &document{path: path, root: root, schemas: object(root, "definitions"), prefix: "#/definitions/"}
}

func (d *documents) readV3() {
	const path = "/openapi/v3"
	if s := d.State; s != nil && s.OpenAPIV3Failure != "" {
		d.unreadable[path] = s.OpenAPIV3Failure
	}
	d.hasIndex = d.OpenAPIV3Index != nil || len(d.OpenAPIV3) > 0 || d.unreadable[path] != ""
	if d.OpenAPIV3Index != nil {
		index, err := openapimerge.DecodeV3Index(d.OpenAPIV3Index)
		if err != nil {
			d.unreadable[path] = err.Error()
		} else {
			for key := range index.Paths {
				d.keys[key] = true
			}
		}
	}
	for key, data := range d.OpenAPIV3 {
		d.keys[key] = true
		root, err := readObject(data)
		if err == nil {
			_, err = openapimerge.DecodeV3(data)
		}
		if err != nil {
			d.unreadable[path+"/"+key] = err.Error()
			continue
		}
		d.v3[key] = &document{
			path: path + "/" + key, root: root, schemas: object(root, "components", "schemas"), prefix: "#/components/schemas/",
		}
	}
}

// all are the documents that can be read, v2 first, then v3 by key.
func (d *documents) all() []*document {
	var out []*document
	if d.v2 != nil {
		out = append(out, d.v2)
	}
	for _, key := range slices.Sorted(maps.Keys(d.v3)) {
		out = append(out, d.v3[key])
	}
	return out
}

// describing is the document by which clients know a group-version: v3, or v2 where there is no v3 at all; nil where
// neither describes it.
func (d *documents) describing(v ownVersion) *document {
	switch {
	case d.hasIndex:
		return d.v3[v.key()]
	case d.v2 != nil && d.v2.hasPathsOf(v):
		return d.v2
	}
	return nil
}

func readObject(data []byte) (map[string]any, error) {
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("the %d bytes are no JSON object: %w", len(data), err)
	}
	return root, nil
}

// object is the object at a path of keys; empty where there is none.
func object(root map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		root, _ = root[key].(map[string]any)
	}
	return root
}

// hasPathsOf tells whether a document has paths of a group-version.
func (d *document) hasPathsOf(v ownVersion) bool {
	for path := range object(d.root, "paths") {
		if strings.HasPrefix(path, "/"+v.key()+"/") {
			return true
		}
	}
	return false
}

// at is a place in one of the backend's documents.
func (d *documents) at(path, what string) Where {
	return Where{Backend: d.Label(), Path: path, Object: what}
}
