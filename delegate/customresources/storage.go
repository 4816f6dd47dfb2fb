package customresources

import (
	"context"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"

	"github.com/kagg-project/kagg/delegate/memory"
)

// storages opens the storage of custom objects, as JSON of the version that their definition stores, and
// knows those that are open.
//
// A storage lasts until its definition changes or goes, and its watches end with it: they would go on in the
// old schema otherwise, or wait for ever. Upstream's watch cache does the same when it is stopped.
type storages struct {
	generic.RESTOptionsGetter

	mu   sync.Mutex
	open map[*ending]func()
}

func newStorages(options generic.RESTOptionsGetter) *storages {
	return &storages{RESTOptionsGetter: options, open: map[*ending]func(){}}
}

// GetRESTOptions implements generic.RESTOptionsGetter.
func (s *storages) GetRESTOptions(resource schema.GroupResource, example runtime.Object) (generic.RESTOptions, error) {
	options, err := s.RESTOptionsGetter.GetRESTOptions(resource, example)
	if err != nil {
		return options, err
	}
	options.StorageConfig.Codec = unstructured.UnstructuredJSONScheme
	decorate := options.Decorator
	options.Decorator = func(config *storagebackend.ConfigForResource, prefix string,
		key func(runtime.Object) (string, error), newObject, newList func() runtime.Object,
		attributes storage.AttrFunc, trigger storage.IndexerFuncs, indexers *cache.Indexers,
	) (storage.Interface, factory.DestroyFunc, error) {
		under, destroy, err := decorate(config, prefix, key, newObject, newList, attributes, trigger, indexers)
		if err != nil {
			return nil, nil, err
		}
		memory.DecodeEachGet(under)
		e := s.add(under, destroy)
		return e, func() { s.remove(e) }, nil
	}
	return options, nil
}

func (s *storages) add(under storage.Interface, destroy func()) *ending {
	e := &ending{Interface: under}
	e.ended, e.end = context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[e] = destroy
	return e
}

// remove ends a storage; once, though it may be called again.
func (s *storages) remove(e *ending) {
	s.mu.Lock()
	destroy, ok := s.open[e]
	delete(s.open, e)
	s.mu.Unlock()
	if ok {
		e.end()
		destroy()
	}
}

// end ends all storages.
func (s *storages) end() {
	s.mu.Lock()
	open := maps.Clone(s.open)
	s.mu.Unlock()
	for e := range open {
		s.remove(e)
	}
}

// ending is a storage whose watches end with it.
type ending struct {
	storage.Interface
	ended context.Context //nolint:containedctx // the storage's own lifetime, which requests do not share
	end   context.CancelFunc
}

// Watch implements storage.Interface. The watch ends with ctx, or with the storage.
func (e *ending) Watch(ctx context.Context, key string, opts storage.ListOptions) (watch.Interface, error) {
	within, cancel := context.WithCancel(ctx)
	forget := context.AfterFunc(e.ended, cancel)
	context.AfterFunc(within, func() { forget() })
	w, err := e.Interface.Watch(within, key, opts)
	if err != nil {
		cancel()
		return nil, err
	}
	return w, nil
}
