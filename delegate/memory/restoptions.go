package memory

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
)

// CodecFunc returns the codec that encodes the objects of a resource for the storage and decodes them
// to the type that the resource's registry store works with (the internal type, where there is one).
// The versioner tells the version that the codec encodes to, which discovery shows as the
// storageVersionHash; it may be nil, and there is no hash then. An error refuses the resource.
type CodecFunc = func(resource schema.GroupResource) (runtime.Codec, runtime.GroupVersioner, error)

// RESTOptionsGetter returns what makes registry stores keep their data in the backend, to be given as
// RESTOptionsGetter of a server's configuration or RESTOptions of generic.StoreOptions. The storage
// prefix is "/group/resource", for the core group "/resource"; stores of one resource share their
// data. Garbage collection is off, because no controller would remove the finalizers that deletions
// with an orphan or foreground policy set. Destroying a store leaves its data alone.
func (b *Backend) RESTOptionsGetter(codec CodecFunc) generic.RESTOptionsGetter {
	return optionsGetter{backend: b, codec: codec}
}

type optionsGetter struct {
	backend *Backend
	codec   CodecFunc
}

// GetRESTOptions implements generic.RESTOptionsGetter.
func (g optionsGetter) GetRESTOptions(resource schema.GroupResource, _ runtime.Object) (generic.RESTOptions, error) {
	codec, versioner, err := g.codec(resource)
	if err != nil {
		return generic.RESTOptions{}, fmt.Errorf("finding the storage codec of %s: %w", resource, err)
	}
	prefix := "/" + resource.Resource
	if resource.Group != "" {
		prefix = "/" + resource.Group + prefix
	}
	config := storagebackend.Config{Codec: codec, EncodeVersioner: versioner}
	return generic.RESTOptions{
		StorageConfig:           config.ForResource(resource),
		Decorator:               g.backend.decorate,
		DeleteCollectionWorkers: 1,
		ResourcePrefix:          prefix,
	}, nil
}

// decorate is a generic.StorageDecorator. It takes the codec from the configuration because wrapping
// getters (that of CustomResourceDefinitions) put their own there.
func (b *Backend) decorate(
	config *storagebackend.ConfigForResource, resourcePrefix string,
	_ func(obj runtime.Object) (string, error), newFunc func() runtime.Object, _ func() runtime.Object,
	_ storage.AttrFunc, _ storage.IndexerFuncs, _ *cache.Indexers,
) (storage.Interface, factory.DestroyFunc, error) {
	s, err := b.newStore(config.Codec, resourcePrefix, config.GroupResource, newFunc)
	if err != nil {
		return nil, nil, err
	}
	return s, func() {}, nil
}
