package orchard

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericrequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/kagg-project/kagg/internal/demo/orchard/hub"
)

// apples serves /apples: every verb that a Kubernetes resource has.
type apples struct {
	*genericregistry.Store
}

// ShortNames lets kubectl get ap mean kubectl get apples.
func (apples) ShortNames() []string { return []string{"ap"} }

// appleStatus serves /apples/{name}/status, which is read and written, never
// created nor listed.
type appleStatus struct {
	store *genericregistry.Store
}

// newStorage makes the endpoints of the resource on the storage that getter
// gives. One store serves all versions; what is between them is conversion.
func newStorage(scheme *runtime.Scheme, getter generic.RESTOptionsGetter) (apples, appleStatus, error) {
	rules := newStrategy(scheme)
	store := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return &hub.Apple{} },
		NewListFunc:               func() runtime.Object { return &hub.AppleList{} },
		PredicateFunc:             matchApple,
		DefaultQualifiedResource:  hub.Resource("apples"),
		SingularQualifiedResource: hub.Resource("apple"),

		CreateStrategy:      rules,
		UpdateStrategy:      rules,
		DeleteStrategy:      rules,
		ResetFieldsStrategy: rules,

		TableConvertor: tableConvertor{},
	}
	if err := store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: getter, AttrFunc: appleAttrs}); err != nil {
		return apples{}, appleStatus{}, fmt.Errorf("cannot set up the storage of apples: %w", err)
	}

	statusStore := *store
	statusStore.CreateStrategy = nil
	statusStore.DeleteStrategy = nil
	statusStore.UpdateStrategy = statusStrategy{rules}
	statusStore.ResetFieldsStrategy = statusStrategy{rules}
	return apples{store}, appleStatus{&statusStore}, nil
}

// New returns an empty apple to decode into.
func (s appleStatus) New() runtime.Object { return &hub.Apple{} }

// Destroy does nothing: the storage belongs to the apples.
func (s appleStatus) Destroy() {}

// Get returns the whole apple.
func (s appleStatus) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return s.store.Get(ctx, name, options)
}

// Update writes the status of an apple that exists.
func (s appleStatus) Update(
	ctx context.Context, name string, info rest.UpdatedObjectInfo,
	create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	return s.store.Update(ctx, name, info, create, update, false, options)
}

// GetResetFields says what a write to the status never changes.
func (s appleStatus) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.store.GetResetFields()
}

// ConvertToTable makes the table that kubectl get --subresource=status prints.
func (s appleStatus) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, obj, options)
}

// seed stores the apples that the orchard starts with.
func (a apples) seed(ctx context.Context) error {
	ctx = genericrequest.WithNamespace(ctx, metav1.NamespaceDefault)
	for _, apple := range []hub.Apple{
		{ObjectMeta: metav1.ObjectMeta{Name: "boskoop"}, Spec: hub.AppleSpec{Variety: "Boskoop", Ripe: true}},
		{ObjectMeta: metav1.ObjectMeta{Name: "gala"}, Spec: hub.AppleSpec{Variety: "Gala"}},
	} {
		apple.Namespace = metav1.NamespaceDefault
		if _, err := a.Create(ctx, &apple, rest.ValidateAllObjectFunc, &metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("cannot store the apple %q to start with: %w", apple.Name, err)
		}
	}
	return nil
}
