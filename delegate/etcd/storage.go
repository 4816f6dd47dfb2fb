package etcd

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
)

// CodecFunc returns the codec that encodes the objects of a resource and decodes them to the type that
// its registry store works with, and the version that it encodes to. An error refuses the resource.
type CodecFunc = func(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner, error)

// Storage is an etcd that registry stores keep their objects in. It is safe for concurrent use.
type Storage struct {
	options Options
	config  storagebackend.Config
	stop    chan struct{}

	mu       sync.Mutex
	closed   bool
	destroys []factory.DestroyFunc
}

// New returns the storage on the etcd that o names. It does not connect: the first store does, or
// [Storage.Wait]. Errors are those of [Options.Validate]. Its owner calls Close.
func New(o Options) (*Storage, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.setDefaults()
	c := storagebackend.NewDefaultConfig(o.Prefix, nil)
	c.Transport.ServerList = slices.Clone(o.Servers)
	c.Transport.TrustedCAFile, c.Transport.CertFile, c.Transport.KeyFile = o.CAFile, o.CertFile, o.KeyFile
	c.CompactionInterval = o.CompactionInterval
	c.CountMetricPollPeriod = time.Minute // the kube-apiserver's default
	return &Storage{options: o, config: *c, stop: make(chan struct{})}, nil
}

// RESTOptionsGetter returns what makes registry stores keep their objects in the etcd, below
// Options.ResourcePrefix. A wrapping getter may put a codec of its own into the StorageConfig, as that of
// CustomResourceDefinitions does. Garbage collection is off, because no controller would remove the
// finalizers that deletions with an orphan or foreground policy set.
func (s *Storage) RESTOptionsGetter(codec CodecFunc) generic.RESTOptionsGetter {
	return optionsGetter{s, codec}
}

type optionsGetter struct {
	storage *Storage
	codec   CodecFunc
}

// GetRESTOptions implements generic.RESTOptionsGetter.
func (g optionsGetter) GetRESTOptions(resource schema.GroupResource, _ runtime.Object) (generic.RESTOptions, error) {
	codec, versioner, err := g.codec(resource)
	if err != nil {
		return generic.RESTOptions{}, fmt.Errorf("finding the storage codec of %s: %w", resource, err)
	}
	config := g.storage.config.ForResource(resource)
	config.Codec, config.EncodeVersioner = codec, versioner
	return generic.RESTOptions{
		StorageConfig:           config,
		Decorator:               g.storage.decorate,
		DeleteCollectionWorkers: 1,
		ResourcePrefix:          g.storage.options.ResourcePrefix(resource),
		CountMetricPollPeriod:   config.CountMetricPollPeriod,
	}, nil
}

// decorate is a generic.StorageDecorator that remembers what Close has to end: nobody else may.
func (s *Storage) decorate(
	config *storagebackend.ConfigForResource, resourcePrefix string,
	keyFunc func(obj runtime.Object) (string, error), newFunc func() runtime.Object, newListFunc func() runtime.Object,
	attrs storage.AttrFunc, triggers storage.IndexerFuncs, indexers *cache.Indexers,
) (storage.Interface, factory.DestroyFunc, error) {
	create := genericregistry.StorageWithCacher()
	// A kube-apiserver caches no events either: they are many, and few watch them.
	if s.options.NoWatchCache || config.GroupResource.Resource == "events" {
		create = generic.UndecoratedStorage
	}
	made, destroy, err := create(config, resourcePrefix, keyFunc, newFunc, newListFunc, attrs, triggers, indexers)
	if err != nil {
		return nil, nil, fmt.Errorf("opening %s in the etcd: %w", config.GroupResource, err)
	}
	once := sync.OnceFunc(destroy)
	s.mu.Lock()
	closed := s.closed
	s.destroys = append(s.destroys, once)
	s.mu.Unlock()
	if closed {
		once()
	}
	return made, once, nil
}

// Check returns a function that asks the etcd for its health and gives its error, as the check "etcd" of a
// kube-apiserver's /readyz does; it takes two seconds at most, and asks once a second at most.
func (s *Storage) Check() (func() error, error) { return factory.CreateReadyCheck(s.config, s.stop) }

// Close ends every store and connection. Closing twice does nothing.
func (s *Storage) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	destroys := s.destroys
	s.destroys = nil
	s.mu.Unlock()
	close(s.stop)
	var all sync.WaitGroup
	for _, destroy := range destroys {
		all.Go(destroy)
	}
	all.Wait()
}
