package aggregator

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistration "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	apiregistrationclient "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/typed/apiregistration/v1"
	informers "k8s.io/kube-aggregator/pkg/client/informers/externalversions/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/controllers/autoregister"

	"github.com/kagg-project/kagg/delegate"
)

const (
	// managedOnStart marks an APIService that is made, or made good again, at each
	// start and left alone then.
	managedOnStart = "onstart"
	// customGroupPriority and customVersionPriority are those of every CustomResourceDefinition's APIService
	// (k8s.io/kubernetes pkg/controlplane/controller/crdregistration).
	customGroupPriority, customVersionPriority = 1000, 100
)

// builtinAPIServices are the Local APIServices of the local group-versions, sorted.
// apiregistration.k8s.io has none in a cluster either.
func builtinAPIServices(builtin *builtinAPIs) []*apiregistrationv1.APIService {
	var out []*apiregistrationv1.APIService
	for _, gv := range slices.SortedFunc(maps.Keys(builtin.discovery), compareGroupVersions) {
		if group, version, ok := delegate.Priority(gv); ok {
			out = append(out, localAPIService(gv, group, version))
		}
	}
	return out
}

func localAPIService(gv schema.GroupVersion, group, version int32) *apiregistrationv1.APIService {
	return &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: gv.Version + "." + gv.Group},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: group, VersionPriority: version,
		},
	}
}

// registerLocal learns what the local APIs are, and makes their APIServices.
func (a *Aggregator) registerLocal(ctx context.Context) (*builtinAPIs, error) {
	registration, err := apiregistration.NewForConfig(a.local.ClientConfig())
	if err != nil {
		return nil, err
	}
	builtin, err := readBuiltinAPIs(ctx, a.local)
	if err != nil {
		return nil, err
	}
	return builtin, registerBuiltin(ctx, registration.ApiregistrationV1().APIServices(), builtinAPIServices(builtin))
}

// registerBuiltin makes the Local APIServices of the local group-versions before
// the first snapshot, so that it is complete; the registrar would do so a moment
// later. Those that a former run left and someone changed are made good again,
// unless they are not managed any more.
func registerBuiltin(ctx context.Context, client apiregistrationclient.APIServiceInterface, wanted []*apiregistrationv1.APIService) error {
	for _, w := range wanted {
		w = w.DeepCopy()
		w.Labels = map[string]string{autoregister.AutoRegisterManagedLabel: managedOnStart}
		_, err := client.Create(ctx, w, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			err = reset(ctx, client, w)
		}
		if apierrors.IsNotFound(err) { // it was a file's, which is gone, and went just now
			_, err = client.Create(ctx, w, metav1.CreateOptions{})
		}
		if err != nil {
			return fmt.Errorf("registering the local group-version %s/%s: %w", w.Spec.Group, w.Spec.Version, err)
		}
	}
	return nil
}

func reset(ctx context.Context, client apiregistrationclient.APIServiceInterface, wanted *apiregistrationv1.APIService) error {
	now, err := client.Get(ctx, wanted.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if now.Labels[autoregister.AutoRegisterManagedLabel] == "" || reflect.DeepEqual(now.Spec, wanted.Spec) {
		return nil
	}
	now.Spec = wanted.Spec
	_, err = client.Update(ctx, now, metav1.UpdateOptions{})
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil // someone else is at it, who has the last word as in a cluster
	}
	return err
}

// registrar keeps the Local APIServices of the group-versions that
// CustomResourceDefinitions serve, as a kube-apiserver's crdregistration does:
// one that is deleted or changed comes back, one that people made by hand stays
// as it is, and each goes with its last definition. The work is the
// kube-aggregator's own controller's.
type registrar struct {
	mu         sync.Mutex
	builtin    map[schema.GroupVersion]bool
	served     map[schema.GroupVersion]bool
	controller autoregister.AutoAPIServiceRegistration
}

func newRegistrar() *registrar {
	return &registrar{served: map[schema.GroupVersion]bool{}}
}

// start returns what keeps the APIServices; it is to run once all group-versions
// and APIServices that exist are known, since it removes those of a former run
// that nothing serves any more.
func (r *registrar) start(informer informers.APIServiceInformer, client apiregistrationclient.APIServicesGetter, builtin []*apiregistrationv1.APIService) (run func(ctx context.Context)) {
	controller := autoregister.NewAutoRegisterController(informer, client)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.controller, r.builtin = controller, map[schema.GroupVersion]bool{}
	for _, b := range builtin {
		r.builtin[schema.GroupVersion{Group: b.Spec.Group, Version: b.Spec.Version}] = true
		controller.AddAPIServiceToSyncOnStart(b)
	}
	for gv := range r.served {
		r.add(gv)
	}
	return func(ctx context.Context) { controller.Run(1, ctx.Done()) }
}

// follow makes served the group-versions that have APIServices.
func (r *registrar) follow(served []schema.GroupVersion) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := map[schema.GroupVersion]bool{}
	for _, gv := range served {
		next[gv] = true
		if !r.served[gv] {
			r.add(gv)
		}
	}
	for gv := range r.served {
		if !next[gv] && r.controller != nil && !r.builtin[gv] {
			r.controller.RemoveAPIServiceToSync(gv.Version + "." + gv.Group)
		}
	}
	r.served = next
}

// add registers a group-version, but for the local APIs' own, which a definition
// cannot take over. The caller holds the lock.
func (r *registrar) add(gv schema.GroupVersion) {
	if r.controller != nil && !r.builtin[gv] {
		r.controller.AddAPIServiceToSync(localAPIService(gv, customGroupPriority, customVersionPriority))
	}
}
