package customresources

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/controller/openapi/builder"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/cached"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// documents are the OpenAPI documents of the established definitions. Each is built when it is first asked
// for, and kept by later documents as long as its definitions stay the same.
type documents struct {
	key string
	// v2 holds each definition's part, by definition; v3 each group-version's document.
	v2 map[string]part[*spec.Swagger]
	v3 map[schema.GroupVersion]part[*spec3.OpenAPI]

	swagger  func() (*spec.Swagger, error)
	service3 func() *handler3.OpenAPIService
}

// part is something that is built once, from what key names.
type part[T any] struct {
	key   string
	build func() (T, error)
}

// newDocuments returns previous, which may be nil, if nothing differs.
func newDocuments(previous *documents, established []*apiextensionsv1.CustomResourceDefinition) *documents {
	if previous == nil {
		previous = &documents{}
	}
	d := &documents{v2: map[string]part[*spec.Swagger]{}, v3: map[schema.GroupVersion]part[*spec3.OpenAPI]{}}
	byVersion := map[schema.GroupVersion][]*apiextensionsv1.CustomResourceDefinition{}
	for _, crd := range established {
		d.v2[crd.Name] = keep(previous.v2[crd.Name], contentKey(crd), func() (*spec.Swagger, error) { return buildV2(crd) })
		for i := range crd.Spec.Versions {
			if v := &crd.Spec.Versions[i]; v.Served {
				gv := schema.GroupVersion{Group: crd.Spec.Group, Version: v.Name}
				byVersion[gv] = append(byVersion[gv], crd)
			}
		}
	}
	d.key = contentKey(established...)
	if previous.swagger != nil && d.key == previous.key {
		return previous
	}
	for gv, crds := range byVersion {
		d.v3[gv] = keep(previous.v3[gv], contentKey(crds...), func() (*spec3.OpenAPI, error) { return buildV3(gv, crds) })
	}
	d.swagger = sync.OnceValues(func() (*spec.Swagger, error) { return d.mergeV2(established) })
	d.service3 = sync.OnceValue(d.newService3)
	return d
}

// keep returns before if it was built from the same.
func keep[T any](before part[T], key string, build func() (T, error)) part[T] {
	if before.build != nil && before.key == key {
		return before
	}
	return part[T]{key: key, build: sync.OnceValues(build)}
}

// contentKey tells definitions apart by what documents show: a change of the status alone is none, but for
// the names that it accepts.
func contentKey(crds ...*apiextensionsv1.CustomResourceDefinition) string {
	var b strings.Builder
	for _, crd := range crds {
		_, _ = fmt.Fprintf(&b, "%s,%d,%v;", crd.UID, crd.Generation, crd.Status.AcceptedNames)
	}
	return b.String()
}

var buildOptions = builder.Options{IncludeSelectableFields: true}

func buildV2(crd *apiextensionsv1.CustomResourceDefinition) (*spec.Swagger, error) {
	options := buildOptions
	options.V2 = true
	var parts []*spec.Swagger
	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		if !v.Served {
			continue
		}
		s, err := builder.BuildOpenAPIV2(crd, v.Name, options)
		if err != nil {
			return nil, fmt.Errorf("building OpenAPI v2 of %s in %s: %w", crd.Name, v.Name, err)
		}
		s.Definitions = handler.PruneDefaults(s.Definitions)
		parts = append(parts, s)
	}
	return builder.MergeSpecs(emptyV2(), parts...)
}

func buildV3(gv schema.GroupVersion, crds []*apiextensionsv1.CustomResourceDefinition) (*spec3.OpenAPI, error) {
	parts := make([]*spec3.OpenAPI, 0, len(crds))
	for _, crd := range crds {
		s, err := builder.BuildOpenAPIV3(crd, gv.Version, buildOptions)
		if err != nil {
			return nil, fmt.Errorf("building OpenAPI v3 of %s in %s: %w", crd.Name, gv, err)
		}
		parts = append(parts, s)
	}
	return builder.MergeSpecsV3(parts...)
}

func emptyV2() *spec.Swagger {
	return &spec.Swagger{SwaggerProps: spec.SwaggerProps{
		Swagger: "2.0",
		Info:    &spec.Info{InfoProps: spec.InfoProps{Title: "Kubernetes CRD Swagger", Version: "v0.1.0"}},
		Paths:   &spec.Paths{Paths: map[string]spec.PathItem{}},
	}}
}

// mergeV2 leaves a definition out whose document cannot be built, as upstream does: the others are worth
// having.
func (d *documents) mergeV2(established []*apiextensionsv1.CustomResourceDefinition) (*spec.Swagger, error) {
	parts := make([]*spec.Swagger, 0, len(established))
	for _, crd := range established {
		if s, err := d.v2[crd.Name].build(); err == nil {
			parts = append(parts, s)
		}
	}
	return builder.MergeSpecs(emptyV2(), parts...)
}

func (d *documents) newService3() *handler3.OpenAPIService {
	service := handler3.NewOpenAPIService()
	for gv, p := range d.v3 {
		service.UpdateGroupVersionLazy("apis/"+gv.String(), cached.Func(func() (*spec3.OpenAPI, string, error) {
			s, err := p.build()
			return s, p.key, err
		}))
	}
	return service
}

// OpenAPIV2 returns the document of all established definitions and its ETag; nil and "" when there are none.
// The first call may take as long as building it. Nobody may change it.
func (c *Catalog) OpenAPIV2() (*spec.Swagger, string, error) {
	if len(c.established) == 0 {
		return nil, "", nil
	}
	s, err := c.openAPI.swagger()
	return s, fmt.Sprintf("%X", sha256.Sum256([]byte(c.openAPI.key))), err
}

// HasOpenAPI tells whether there is a document for any group-version.
func (c *Catalog) HasOpenAPI() bool { return len(c.discovery) > 0 }

// ServeOpenAPIV3 answers /openapi/v3, the index of the group-versions, and /openapi/v3/apis/GROUP/VERSION.
// The first answer may take as long as building the documents.
func (c *Catalog) ServeOpenAPIV3(w http.ResponseWriter, req *http.Request) {
	if path := strings.TrimSuffix(req.URL.Path, "/"); path == "/openapi/v3" {
		c.openAPI.service3().HandleDiscovery(w, req)
		return
	}
	if !slices.ContainsFunc(c.served, func(gv schema.GroupVersion) bool { return req.URL.Path == "/openapi/v3/apis/"+gv.String() }) {
		http.NotFound(w, req)
		return
	}
	c.openAPI.service3().HandleGroupVersion(w, req)
}
