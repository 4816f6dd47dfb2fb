package delegate

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storageerr "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// namespaceStore is the REST storage of namespaces: deletion takes two steps, and there is no
// deletecollection. Upstream: pkg/registry/core/namespace/storage.
type namespaceStore struct {
	rest.CreaterUpdater
	rest.Lister
	rest.Getter
	rest.Watcher
	store      *store
	terminated func(name string) // told each namespace that is to be emptied
}

var (
	_ rest.GracefulDeleter        = &namespaceStore{}
	_ rest.Scoper                 = &namespaceStore{}
	_ rest.SingularNameProvider   = &namespaceStore{}
	_ rest.StorageVersionProvider = &namespaceStore{}
)

func newNamespaceStore(s *store, terminated func(string)) *namespaceStore {
	return &namespaceStore{CreaterUpdater: s, Lister: s, Getter: s, Watcher: s, store: s, terminated: terminated}
}

// emptyNamespace tells whether an update leaves nothing that keeps a deleted namespace.
func emptyNamespace(ctx context.Context, key string, obj, old runtime.Object) bool {
	ns, ok := obj.(*corev1.Namespace)
	return ok && len(ns.Spec.Finalizers) == 0 && genericregistry.ShouldDeleteDuringUpdate(ctx, key, obj, old)
}

// New implements rest.Storage.
func (s *namespaceStore) New() runtime.Object { return s.store.New() }

// Destroy implements rest.Storage.
func (s *namespaceStore) Destroy() { s.store.Destroy() }

// NamespaceScoped implements rest.Scoper.
func (*namespaceStore) NamespaceScoped() bool { return false }

// GetSingularName implements rest.SingularNameProvider.
func (s *namespaceStore) GetSingularName() string { return s.store.GetSingularName() }

// ShortNames implements rest.ShortNamesProvider.
func (s *namespaceStore) ShortNames() []string { return s.store.ShortNames() }

// StorageVersion implements rest.StorageVersionProvider.
func (s *namespaceStore) StorageVersion() runtime.GroupVersioner { return s.store.StorageVersion() }

// GetResetFields implements rest.ResetFieldsStrategy.
func (s *namespaceStore) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.store.GetResetFields()
}

// Delete marks a namespace as terminating, and removes it once its finalizers are gone.
func (s *namespaceStore) Delete(ctx context.Context, name string, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, bool, error) {
	obj, err := s.store.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, false, err
	}
	ns, ok := obj.(*corev1.Namespace)
	if !ok {
		return nil, false, fmt.Errorf("the namespaces storage holds a %T", obj)
	}
	if options == nil {
		options = &metav1.DeleteOptions{}
	}
	if !ns.DeletionTimestamp.IsZero() && len(ns.Spec.Finalizers) == 0 {
		return s.store.Delete(ctx, name, validate, options)
	}
	if ns.DeletionTimestamp.IsZero() {
		if obj, err = s.markTerminating(ctx, ns, validate, options); err != nil {
			return nil, false, err
		}
	}
	if !dryrun.IsDryRun(options.DryRun) {
		s.terminated(name)
	}
	return obj, false, nil
}

func (s *namespaceStore) markTerminating(ctx context.Context, ns *corev1.Namespace, validate rest.ValidateObjectFunc, options *metav1.DeleteOptions) (runtime.Object, error) {
	key, err := s.store.KeyFunc(ctx, ns.Name)
	if err != nil {
		return nil, err
	}
	conditions := storage.Preconditions{UID: &ns.UID}
	if options.Preconditions != nil {
		conditions.ResourceVersion = options.Preconditions.ResourceVersion
		if uid := options.Preconditions.UID; uid != nil && *uid != ns.UID {
			return nil, conflict(ns.Name, *uid, ns.UID)
		}
	}
	mark := storage.SimpleUpdate(func(existing runtime.Object) (runtime.Object, error) {
		current, ok := existing.(*corev1.Namespace)
		if !ok {
			return nil, fmt.Errorf("the namespaces storage holds a %T", existing)
		}
		if err := validate(ctx, existing); err != nil {
			return nil, err
		}
		if current.DeletionTimestamp.IsZero() {
			now := metav1.Now()
			current.DeletionTimestamp = &now
		}
		current.Status.Phase = corev1.NamespaceTerminating
		return current, nil
	})
	out := s.store.New()
	err = s.store.Storage.GuaranteedUpdate(ctx, key, out, false, &conditions, mark, dryrun.IsDryRun(options.DryRun), nil)
	if err != nil {
		err = storageerr.InterpretUpdateError(err, corev1.Resource("namespaces"), ns.Name)
		if _, ok := err.(apierrors.APIStatus); !ok {
			err = apierrors.NewInternalError(err)
		}
		return nil, err
	}
	return out, nil
}

func conflict(name string, want, got types.UID) error {
	return apierrors.NewConflict(corev1.Resource("namespaces"), name,
		fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", want, got)) //nolint:staticcheck // upstream's text
}

// finalizeStore is the REST storage of namespaces/finalize, which takes finalizers away.
type finalizeStore struct{ store *genericregistry.Store }

var _ rest.Updater = &finalizeStore{}

// finalizeStrategy lets spec.finalizers change, and nothing of the status.
type finalizeStrategy struct{ strategy }

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (finalizeStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	statusOf(obj).Set(statusOf(old))
}

func newFinalizeStore(s *store) *finalizeStore {
	shared := *s.Store
	shared.UpdateStrategy = finalizeStrategy{newStrategy(s.row)}
	return &finalizeStore{store: &shared}
}

// New implements rest.Storage.
func (s *finalizeStore) New() runtime.Object { return s.store.New() }

// Destroy implements rest.Storage; the main resource owns the data.
func (*finalizeStore) Destroy() {}

// Update implements rest.Updater.
func (s *finalizeStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo,
	onCreate rest.ValidateObjectFunc, onUpdate rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	return s.store.Update(ctx, name, info, onCreate, onUpdate, false, options)
}
