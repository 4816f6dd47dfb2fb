package delegate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/registry/rest"
)

// describe returns what discovery says of a group version, and registers its kinds, as
// endpoints.APIGroupVersion.InstallREST does beside making the routes.
func describe(gv schema.GroupVersion, resources map[string]rest.Storage, registry runtime.EquivalentResourceRegistry) ([]apidiscoveryv2.APIResourceDiscovery, error) {
	var list []metav1.APIResource
	for _, path := range slices.Sorted(maps.Keys(resources)) {
		kind, err := endpoints.GetResourceKind(gv, resources[path], Scheme)
		if err != nil {
			return nil, fmt.Errorf("finding the kind of %s in %s: %w", path, gv, err)
		}
		resource, subresource, _ := strings.Cut(path, "/")
		registry.RegisterKindFor(gv.WithResource(resource), subresource, kind)
		described, err := describeResource(gv, path, kind, resources[path], resources[resource])
		if err != nil {
			return nil, err
		}
		list = append(list, described)
	}
	found, err := endpoints.ConvertGroupVersionIntoToDiscovery(list)
	if err != nil {
		return nil, fmt.Errorf("describing %s: %w", gv, err)
	}
	return found, nil
}

// describeResource returns the entry of a resource or of a subresource, whose scope is that of its parent.
func describeResource(gv schema.GroupVersion, path string, kind schema.GroupVersionKind, storage, parent rest.Storage) (metav1.APIResource, error) {
	scoper, ok := parent.(rest.Scoper)
	if !ok {
		return metav1.APIResource{}, fmt.Errorf("%s in %s does not tell its scope", path, gv)
	}
	r := metav1.APIResource{Name: path, Namespaced: scoper.NamespaceScoped(), Kind: kind.Kind, Verbs: verbsOf(storage)}
	if s, ok := storage.(rest.KindProvider); ok {
		r.Kind = s.Kind()
	}
	if s, ok := storage.(rest.ShortNamesProvider); ok {
		r.ShortNames = s.ShortNames()
	}
	if s, ok := storage.(rest.CategoriesProvider); ok {
		r.Categories = s.Categories()
	}
	if s, ok := storage.(rest.SingularNameProvider); ok && !strings.Contains(path, "/") {
		r.SingularName = s.GetSingularName()
	}
	if s, ok := storage.(rest.GroupVersionKindProvider); ok {
		own := s.GroupVersionKind(gv)
		r.Group, r.Version, r.Kind = own.Group, own.Version, own.Kind
	}
	return r, nil
}

// connectVerbs are what discovery calls the methods of a connection; the others are not listed.
var connectVerbs = map[string]string{"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

// verbsOf returns the sorted verbs of a storage.
func verbsOf(storage rest.Storage) metav1.Verbs {
	verbs := metav1.Verbs{}
	add := func(verb string, ok bool) {
		if ok && !slices.Contains(verbs, verb) {
			verbs = append(verbs, verb)
		}
	}
	add("create", is[rest.Creater](storage) || is[rest.NamedCreater](storage)) //nolint:misspell // upstream's name
	add("delete", is[rest.GracefulDeleter](storage))
	add("deletecollection", is[rest.CollectionDeleter](storage))
	add("get", is[rest.Getter](storage) || is[rest.GetterWithOptions](storage))
	add("list", is[rest.Lister](storage))
	add("patch", is[rest.Patcher](storage))
	add("update", is[rest.Updater](storage))
	add("watch", is[rest.Watcher](storage))
	if c, ok := storage.(rest.Connecter); ok {
		for _, method := range c.ConnectMethods() {
			add(connectVerbs[method], connectVerbs[method] != "")
		}
	}
	slices.Sort(verbs)
	return verbs
}

func is[T any](storage rest.Storage) bool {
	_, ok := storage.(T)
	return ok
}
