package aggregator

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistration "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	apiregistrationinformers "k8s.io/kube-aggregator/pkg/client/informers/externalversions"
	apiserviceinformers "k8s.io/kube-aggregator/pkg/client/informers/externalversions/apiregistration/v1"

	"github.com/kagg-project/kagg/proxy"
)

// source watches the local APIs for the kinds that make a Registry.
type source struct {
	// registrations is the informer of apiServices as its own controllers know it.
	registrations apiserviceinformers.APIServiceInformer
	apiServices   cache.SharedIndexInformer
	services      cache.SharedIndexInformer
	slices        cache.SharedIndexInformer
	endpoints     cache.SharedIndexInformer
	overrides     []proxy.Override
	// touched is told of each object, changed of each burst of them.
	touched, changed chan struct{}
	start            func(stop <-chan struct{})
}

// newSource makes a source that reads through the in-process client.
func newSource(config *rest.Config, overrides []proxy.Override) (*source, error) {
	config = rest.CopyConfig(config)
	config.ContentType = runtime.ContentTypeProtobuf
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	registration, err := apiregistration.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	const noResync = time.Duration(0)
	coreInformers := informers.NewSharedInformerFactory(core, noResync)
	registrationInformers := apiregistrationinformers.NewSharedInformerFactory(registration, noResync)
	registrations := registrationInformers.Apiregistration().V1().APIServices()
	s := &source{
		registrations: registrations, apiServices: registrations.Informer(),
		services:  coreInformers.Core().V1().Services().Informer(),
		slices:    coreInformers.Discovery().V1().EndpointSlices().Informer(),
		endpoints: coreInformers.Core().V1().Endpoints().Informer(),
		overrides: overrides,
		touched:   make(chan struct{}, 1),
		changed:   make(chan struct{}, 1),
	}
	s.start = func(stop <-chan struct{}) {
		coreInformers.Start(stop)
		registrationInformers.Start(stop)
	}
	return s, s.listen()
}

func (s *source) listen() error {
	notify := cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { poke(s.touched) },
		UpdateFunc: func(before, after any) { s.updated(before, after) },
		DeleteFunc: func(any) { poke(s.touched) },
	}
	for _, informer := range []cache.SharedIndexInformer{s.apiServices, s.services, s.slices, s.endpoints} {
		if _, err := informer.AddEventHandler(notify); err != nil {
			return err
		}
	}
	return nil
}

// updated tells of a change, unless only the status changed: kagg writes that
// itself, and nothing follows from it.
func (s *source) updated(before, after any) {
	a, isAPIService := after.(*apiregistrationv1.APIService)
	if b, ok := before.(*apiregistrationv1.APIService); ok && isAPIService &&
		a.UID == b.UID && sameAnnotation(a, b) && sameSpec(a, b) {
		return
	}
	poke(s.touched)
}

func sameAnnotation(a, b *apiregistrationv1.APIService) bool {
	return a.Annotations[proxy.EndpointAnnotation] == b.Annotations[proxy.EndpointAnnotation]
}

// One edit changes several objects, and what lies between its first and its last
// is nobody's wish: a change is followed once it was quiet for burstQuiet, or
// went on for burstLongest.
const (
	burstQuiet   = 5 * time.Millisecond
	burstLongest = 50 * time.Millisecond
)

// gather turns bursts of touched objects into single changes, until ctx ends.
func (s *source) gather(ctx context.Context) {
	timer := time.NewTimer(burstQuiet)
	defer timer.Stop()
	began := time.Now()
	waiting := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.touched:
			if !waiting {
				waiting, began = true, time.Now()
			}
			timer.Reset(max(0, min(burstQuiet, burstLongest-time.Since(began))))
		case <-timer.C:
			if waiting {
				waiting = false
				poke(s.changed)
			}
		}
	}
}

// run watches until ctx ends. It returns once all that exists now has been seen.
func (s *source) run(ctx context.Context) error {
	go s.gather(ctx)
	s.start(ctx.Done())
	// Not WaitForCacheSync, which looks every 100 ms: that would be half of the start.
	if !cache.WaitFor(ctx, "", s.apiServices.HasSyncedChecker(), s.services.HasSyncedChecker(), s.slices.HasSyncedChecker(), s.endpoints.HasSyncedChecker()) {
		return ctx.Err()
	}
	return nil
}

// registry returns what has been seen up to now.
func (s *source) registry() *Registry {
	return newRegistry(list[*apiregistrationv1.APIService](s.apiServices), list[*corev1.Service](s.services),
		list[*discoveryv1.EndpointSlice](s.slices), list[*corev1.Endpoints](s.endpoints), s.overrides) //nolint:staticcheck // see Registry
}

func list[T any](informer cache.SharedIndexInformer) []T {
	objects := informer.GetStore().List()
	out := make([]T, 0, len(objects))
	for _, o := range objects {
		if t, ok := o.(T); ok {
			out = append(out, t)
		}
	}
	return out
}

func sameSpec(a, b *apiregistrationv1.APIService) bool {
	return equality.Semantic.DeepEqual(a.Spec, b.Spec)
}
