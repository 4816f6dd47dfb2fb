package delegate

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/kagg-project/kagg/delegate/garbagecollector"
	"github.com/kagg-project/kagg/delegate/memory"
)

// Resources are the delegate's own resources as a garbage collector follows them, straight from the
// storage. Events are not among them: as in a cluster, they own nothing and go with nobody.
func (s *Server) Resources() []garbagecollector.Resource {
	out := make([]garbagecollector.Resource, 0, len(table))
	for i := range table {
		r := &table[i]
		st := s.stores[r.gv.WithResource(r.resource).GroupResource().String()]
		if r.dependents == rest.Unsupported {
			continue
		}
		out = append(out, garbagecollector.Resource{
			GroupVersionResource: r.gv.WithResource(r.resource), Kind: r.gv.WithKind(r.kind()), Namespaced: !r.cluster, Source: storeSource{st},
		})
	}
	return out
}

// Serves tells whether the delegate keeps the objects of a resource itself, in whichever version.
func (s *Server) Serves(resource schema.GroupResource) bool {
	if resource.Group == "events.k8s.io" {
		resource.Group = ""
	}
	return s.stores[resource.String()] != nil
}

// storeSource reads a store without a client.
type storeSource struct{ store *store }

var _ garbagecollector.Source = storeSource{}

// List implements garbagecollector.Source.
func (s storeSource) List(ctx context.Context) ([]metav1.Object, string, error) {
	list, err := s.store.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return nil, "", err
	}
	m, err := meta.ListAccessor(list)
	if err != nil {
		return nil, "", fmt.Errorf("listing %s: %w", s.store.DefaultQualifiedResource, err)
	}
	out := make([]metav1.Object, 0, meta.LenList(list))
	err = meta.EachListItem(list, func(obj runtime.Object) error {
		out = append(out, metaOf(obj))
		return nil
	})
	return out, m.GetResourceVersion(), err
}

// Watch implements garbagecollector.Source.
func (s storeSource) Watch(ctx context.Context, resourceVersion string) (watch.Interface, error) {
	w, err := s.store.Watch(ctx, &metainternalversion.ListOptions{ResourceVersion: resourceVersion})
	if err != nil {
		return nil, err
	}
	return memory.Plain(w), nil
}
