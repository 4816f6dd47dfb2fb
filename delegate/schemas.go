package delegate

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kube-openapi/pkg/builder3"
	"k8s.io/kube-openapi/pkg/common"
	openapiutil "k8s.io/kube-openapi/pkg/util"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/kagg-project/kagg/delegate/openapi"
)

// schemas are what server-side apply and managed fields know the types of a group by. Those of a kind, in all its
// versions, are built when one is first written: building all of them takes longer than the rest of the start.
type schemas struct {
	kinds map[string]func() (managedfields.TypeConverter, error)
}

var _ managedfields.TypeConverter = schemas{}

// newSchemas returns the schemas of the kinds that a group's resources are written as.
func (d *documents) newSchemas(group string, all storages) (schemas, error) {
	types := map[string][]string{}
	for _, gv := range servedVersions(all) {
		if gv.Group != group {
			continue
		}
		for name, storage := range all[gv] {
			if err := addTypeName(types, gv, storage); err != nil {
				return schemas{}, fmt.Errorf("%s in %s: %w", name, gv, err)
			}
		}
	}
	out := schemas{kinds: map[string]func() (managedfields.TypeConverter, error){}}
	for kind, names := range types {
		out.kinds[kind] = sync.OnceValues(func() (managedfields.TypeConverter, error) { return d.converter(names) })
	}
	return out, nil
}

// addTypeName adds the name of the type of what a storage is written as to those of its kind.
func addTypeName(types map[string][]string, gv schema.GroupVersion, storage rest.Storage) error {
	gvk, err := endpoints.GetResourceKind(gv, storage, Scheme)
	if err != nil {
		return fmt.Errorf("finding the kind: %w", err)
	}
	obj, err := Scheme.New(gvk)
	if err != nil {
		return fmt.Errorf("making a %s: %w", gvk, err)
	}
	if name := openapiutil.GetCanonicalTypeName(obj); !slices.Contains(types[gvk.Kind], name) {
		types[gvk.Kind] = append(types[gvk.Kind], name)
	}
	return nil
}

// converter builds the schemas of types.
func (d *documents) converter(types []string) (managedfields.TypeConverter, error) {
	built, err := builder3.BuildOpenAPIDefinitionsForResources(d.configOf(types), types...)
	if err != nil {
		return nil, fmt.Errorf("building the schemas of %s: %w", strings.Join(types, ", "), err)
	}
	return managedfields.NewTypeConverter(built, false)
}

// configOf is config3 with the definitions that types need.
func (d *documents) configOf(types []string) *common.OpenAPIV3Config {
	return d.config3(func(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
		return definitionsOf(types, ref)
	})
}

// definitionsOf returns the definitions of the named types and of all that they refer to. Who asks for one that does
// not exist is told by the builder.
func definitionsOf(types []string, ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	library := sync.OnceValue(func() map[string]common.OpenAPIDefinition { return libraryDefinitions(ref) })
	out := map[string]common.OpenAPIDefinition{}
	var add func(names []string)
	add = func(names []string) {
		for _, name := range names {
			if _, known := out[name]; known {
				continue
			}
			d, ok := openapi.Definition(name, ref)
			if !ok {
				if d, ok = library()[name]; !ok {
					continue
				}
			}
			out[name] = d
			add(d.Dependencies)
		}
	}
	add(types)
	return out
}

// of returns the schemas of a kind; of one that the group does not have, none.
func (s schemas) of(kind string) (managedfields.TypeConverter, error) {
	if build := s.kinds[kind]; build != nil {
		return build()
	}
	return managedfields.NewTypeConverter(nil, false)
}

// ObjectToTyped implements managedfields.TypeConverter.
func (s schemas) ObjectToTyped(obj runtime.Object, opts ...typed.ValidationOptions) (*typed.TypedValue, error) {
	c, err := s.of(obj.GetObjectKind().GroupVersionKind().Kind)
	if err != nil {
		return nil, err
	}
	return c.ObjectToTyped(obj, opts...)
}

// TypedToObject implements managedfields.TypeConverter. The value knows its schema.
func (schemas) TypedToObject(v *typed.TypedValue) (runtime.Object, error) {
	return managedfields.NewDeducedTypeConverter().TypedToObject(v)
}
