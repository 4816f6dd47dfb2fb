package delegate

import (
	"context"
	"reflect"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
)

// Kind describes one kind that the delegate serves.
type Kind struct {
	// GroupVersionKind is the served, external version.
	schema.GroupVersionKind
	// Resource is the plural lower-case name in URLs.
	Resource string
	// Singular is the singular lower-case name.
	Singular string
	// Namespaced tells whether objects live in a namespace.
	Namespaced bool
	// ShortNames are what kubectl accepts in place of Resource, such as "svc".
	ShortNames []string
	// Categories are the groups of kinds that kubectl accepts, such as "all".
	Categories []string
	// Verbs are sorted.
	Verbs []string
	// Subresources are sorted, without the resource's name: "status".
	Subresources []string
	// FieldSelectors are the fields that a list can be limited by, sorted. None: the objects are not kept.
	FieldSelectors []string
}

// GroupVersionResource is where the kind is served.
func (k Kind) GroupVersionResource() schema.GroupVersionResource {
	return k.GroupVersion().WithResource(k.Resource)
}

// row is one kind of the table: everything that tells it from the others. Zero values are the common case.
type row struct {
	gv       schema.GroupVersion
	object   runtime.Object // its Go type is the kind; the value is never used
	list     runtime.Object
	resource string

	singular   string // default: the kind in lower case
	cluster    bool   // not namespaced
	short      []string
	categories []string
	status     bool // has a status subresource and a Status field
	born       bool // a client may create it with a status
	generation bool // metadata.generation counts changes outside metadata and status

	also  []otherVersion                            // further versions of the same objects
	scale func(obj runtime.Object) (scaling, error) // has a scale subresource
	parts []part                                    // subresources that write a part of the object

	createOnUpdate bool // PUT of what is not there creates it
	preconditioned bool // PUT needs metadata.resourceVersion

	name      validation.ValidateNameFunc // default: DNS subdomain
	selectors []selector
	columns   []column
	ageless   bool // its columns end without Age

	// defaults fills what a client left out; it runs on each decoded object.
	defaults func(obj runtime.Object)
	// prepare changes an object before it is validated; old is nil on creation.
	prepare func(obj, old runtime.Object)
	// stamp writes who asks into a new object, after prepare.
	stamp func(ctx context.Context, obj runtime.Object)
	// prepareStatus changes what a client writes as status, before it is validated.
	prepareStatus func(obj, old runtime.Object)
	// grace decides how long a deleted object stays; false when it goes at once. Default: at once.
	grace func(obj runtime.Object, options *metav1.DeleteOptions) bool
	// dependents is what happens to the objects that an object owns when it is deleted and the request does
	// not say. Default: they are deleted after it.
	dependents rest.GarbageCollectionPolicy
	// validate checks what metadata validation does not; old is nil on creation.
	validate func(obj, old runtime.Object) field.ErrorList
	// validateStatus checks what a write to the status subresource leaves. Default: nothing does.
	validateStatus func(obj, old runtime.Object) field.ErrorList
}

// selector is a field selector beyond metadata.name and metadata.namespace.
type selector struct {
	name  string
	value func(obj runtime.Object) string
}

// column is a printer column between Name and Age.
type column struct {
	name     string
	kind     string // OpenAPI type: string (default), integer, boolean
	priority int32  // above 0: only with -o wide
	value    func(obj runtime.Object) any
}

// of turns a function on one Go type into one on any object; rows are checked against it by a test.
func of[T any, R any](f func(*T) R) func(runtime.Object) R {
	return func(obj runtime.Object) R {
		typed, _ := any(obj).(*T)
		return f(typed)
	}
}

// defaulting is of for functions that return nothing.
func defaulting[T any](f func(*T)) func(runtime.Object) {
	return func(obj runtime.Object) {
		if typed, ok := any(obj).(*T); ok {
			f(typed)
		}
	}
}

// pair adapts a function on a new and an old object of one type; old is nil on creation.
func pair[T any](f func(obj, old *T)) func(obj, old runtime.Object) {
	return func(obj, old runtime.Object) {
		typed, _ := any(obj).(*T)
		before, _ := any(old).(*T)
		f(typed, before)
	}
}

// checking is pair for validation.
func checking[T any](f func(obj, old *T) field.ErrorList) func(obj, old runtime.Object) field.ErrorList {
	return func(obj, old runtime.Object) field.ErrorList {
		typed, _ := any(obj).(*T)
		before, _ := any(old).(*T)
		return f(typed, before)
	}
}

func (r *row) kind() string { return reflect.TypeOf(r.object).Elem().Name() }

func (r *row) singularName() string {
	if r.singular != "" {
		return r.singular
	}
	return strings.ToLower(r.kind())
}

func (r *row) newObject() runtime.Object { return newLike(r.object) }

func (r *row) newList() runtime.Object { return newLike(r.list) }

func newLike(prototype runtime.Object) runtime.Object {
	obj, _ := reflect.TypeAssert[runtime.Object](reflect.New(reflect.TypeOf(prototype).Elem()))
	return obj
}

func (r *row) nameValidator() validation.ValidateNameFunc {
	if r.name != nil {
		return r.name
	}
	return validation.NameIsDNSSubdomain
}

// kinds turns the discovery of an installed group version into the exported form.
func kinds(gv schema.GroupVersion, resources []apidiscoveryv2.APIResourceDiscovery, selectors func(schema.GroupResource) []string) []Kind {
	out := make([]Kind, 0, len(resources))
	for i := range resources {
		r := &resources[i]
		k := Kind{
			GroupVersionKind: gv.WithKind(r.ResponseKind.Kind),
			Resource:         r.Resource, Singular: r.SingularResource,
			Namespaced: r.Scope == apidiscoveryv2.ScopeNamespace,
			ShortNames: r.ShortNames, Categories: r.Categories,
			Verbs: slices.Sorted(slices.Values(r.Verbs)),
		}
		for j := range r.Subresources {
			k.Subresources = append(k.Subresources, r.Subresources[j].Subresource)
		}
		slices.Sort(k.Subresources)
		k.FieldSelectors = selectors(k.GroupVersionResource().GroupResource())
		out = append(out, k)
	}
	return out
}
