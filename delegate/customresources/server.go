package customresources

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	"k8s.io/apiextensions-apiserver/pkg/client/informers/externalversions"
	informers "k8s.io/apiextensions-apiserver/pkg/client/informers/externalversions/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/controller/apiapproval"
	"k8s.io/apiextensions-apiserver/pkg/controller/establish"
	"k8s.io/apiextensions-apiserver/pkg/controller/finalizer"
	"k8s.io/apiextensions-apiserver/pkg/controller/nonstructuralschema"
	"k8s.io/apiextensions-apiserver/pkg/controller/status"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

const (
	// resync makes the controllers look at all definitions again, as upstream does.
	resync = 5 * time.Minute
	// requestTimeout is how long a storage outlives the change of its definition for the requests that use it.
	requestTimeout = time.Minute
	// minWatch and maxBody are those of the local APIs, and of a kube-apiserver.
	minWatch = 30 * time.Minute
	maxBody  = 3 << 20
	// finalizers is how many definitions may be emptied at once: each waits for its objects' finalizers.
	finalizers = 5
)

// Config is what a [Server] is made of.
type Config struct {
	// Client reaches the API that has the definitions, with every right. Required.
	Client *rest.Config

	// RESTOptionsGetter gives the storage of each resource. The codec in what it returns is replaced by that
	// of custom objects; it must not refuse a group because it does not know it. Required.
	RESTOptionsGetter generic.RESTOptionsGetter

	// Admission admits each write, after the authorizer. Required.
	Admission admission.Interface

	// Authorizer answers the second check of a PUT that creates. Required.
	Authorizer authorizer.UnconditionalAuthorizer

	// ServiceResolver finds the Services of conversion webhooks. Required.
	ServiceResolver webhook.ServiceResolver

	// OnChange is told each new catalog, one after the other; it must not block. Default: nothing.
	OnChange func(*Catalog)

	// NotFound answers what no definition defines. Default: 404.
	NotFound http.Handler
}

func (c *Config) complete() error {
	switch {
	case c.Client == nil:
		return errors.New("custom resources have no client: set Config.Client")
	case c.RESTOptionsGetter == nil:
		return errors.New("custom resources have no storage: set Config.RESTOptionsGetter")
	case c.Admission == nil:
		return errors.New("custom resources have no admission: set Config.Admission")
	case c.Authorizer == nil:
		return errors.New("custom resources have no authorizer: set Config.Authorizer")
	case c.ServiceResolver == nil:
		return errors.New("custom resources have no service resolver: set Config.ServiceResolver")
	}
	if c.OnChange == nil {
		c.OnChange = func(*Catalog) {}
	}
	if c.NotFound == nil {
		c.NotFound = http.NotFoundHandler()
	}
	return nil
}

// Server serves custom objects. Its methods are safe for concurrent use.
type Server struct {
	config  Config
	objects atomic.Pointer[http.Handler] // nil before Start
	catalog atomic.Pointer[Catalog]
}

// New makes a server that has nothing yet.
func New(cfg Config) (*Server, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	s := &Server{config: cfg}
	s.catalog.Store(newCatalog(nil, nil))
	return s, nil
}

// ServeHTTP serves custom objects, and the discovery of their groups and versions, to requests that were
// authenticated and authorized before: their context has the request info and the user. What no definition
// defines goes to Config.NotFound.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	info, ok := request.RequestInfoFrom(req.Context())
	if objects := s.objects.Load(); objects != nil && (!ok || info.IsResourceRequest) {
		(*objects).ServeHTTP(w, req)
		return
	}
	if h := s.Catalog().discoveryHandler(req.URL.Path); h != nil {
		h.ServeHTTP(w, req)
		return
	}
	s.config.NotFound.ServeHTTP(w, req)
}

// Catalog returns the newest catalog; it is never nil.
func (s *Server) Catalog() *Catalog { return s.catalog.Load() }

// Start starts the controllers, which run until ctx ends, and returns once the definitions that exist are
// served. It is called once.
func (s *Server) Start(ctx context.Context) error {
	r, err := s.build()
	if err != nil {
		return err
	}
	r.informers.StartWithContext(ctx)
	if cache.WaitFor(ctx, "", r.definitions.Informer().HasSyncedChecker()) {
		s.objects.Store(&r.objects)
		s.follow(r.definitions.Informer().GetStore())
	}
	// They are run even when ctx has ended: that is what ends their queues.
	for _, run := range r.controllers {
		go run(ctx)
	}
	go func() {
		defer r.storages.end()
		for {
			select {
			case <-ctx.Done():
				return
			case <-r.changed:
				s.follow(r.definitions.Informer().GetStore())
			}
		}
	}()
	return context.Cause(ctx)
}

// follow makes the catalog that of the definitions as they are now.
func (s *Server) follow(definitions cache.Store) {
	previous := s.Catalog()
	next := newCatalog(previous, definitionsOf(definitions.List()))
	if next.equal(previous) {
		return
	}
	s.catalog.Store(next)
	s.config.OnChange(next)
}

// running is what a started server is made of.
type running struct {
	objects     http.Handler
	definitions informers.CustomResourceDefinitionInformer
	informers   externalversions.SharedInformerFactory
	controllers []func(context.Context)
	storages    *storages
	changed     chan struct{}
}

// build assembles what upstream's server is made of (k8s.io/apiextensions-apiserver pkg/apiserver,
// apiserver.go, New), but for its documents.
func (s *Server) build() (*running, error) {
	cfg := &s.config
	client, err := clientset.NewForConfig(cfg.Client)
	if err != nil {
		return nil, fmt.Errorf("custom resources' client: %w", err)
	}
	r := &running{changed: make(chan struct{}, 1), storages: newStorages(cfg.RESTOptionsGetter), informers: externalversions.NewSharedInformerFactory(client, resync)}
	r.definitions = r.informers.Apiextensions().V1().CustomResourceDefinitions()
	establishing := establish.NewEstablishingController(r.definitions, client.ApiextensionsV1())
	// The handlers of discovery are upstream's own types; ServeHTTP answers what would reach them. The empty
	// OpenAPI document makes managed fields follow each definition's schema: with none they would be guessed.
	handler, err := apiserver.NewCustomResourceDefinitionHandler(nil, nil, settled{r.definitions}, cfg.NotFound, r.storages,
		cfg.Admission, establishing, cfg.ServiceResolver, directly, 1, cfg.Authorizer,
		requestTimeout, minWatch, map[string]*spec.Schema{}, maxBody)
	if err != nil {
		return nil, fmt.Errorf("custom resources' handler: %w", err)
	}
	r.objects = handler
	naming := status.NewNamingConditionController(klog.Background(), r.definitions, client.ApiextensionsV1())
	structural := nonstructuralschema.NewConditionController(r.definitions, client.ApiextensionsV1())
	approval := apiapproval.NewKubernetesAPIApprovalPolicyConformantConditionController(r.definitions, client.ApiextensionsV1())
	finalizing := finalizer.NewCRDFinalizer(r.definitions, client.ApiextensionsV1(), handler)
	r.controllers = []func(context.Context){
		naming.RunWithContext, establishing.RunWithContext,
		func(ctx context.Context) { structural.RunWithContext(1, ctx) },
		func(ctx context.Context) { approval.RunWithContext(1, ctx) },
		func(ctx context.Context) { finalizing.RunWithContext(finalizers, ctx) },
	}
	notify := func(any) { poke(r.changed) }
	_, err = r.definitions.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: notify, UpdateFunc: func(_, _ any) { notify(nil) }, DeleteFunc: notify,
	})
	return r, err
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
