package delegate

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
)

// componentStore is the REST storage of componentstatuses: the list is empty, because a scheduler, a
// controller manager and an etcd to ask for their health are what kagg does without.
type componentStore struct{ rest.TableConvertor }

var (
	_ rest.Lister               = componentStore{}
	_ rest.Getter               = componentStore{}
	_ rest.Scoper               = componentStore{}
	_ rest.SingularNameProvider = componentStore{}
	_ rest.ShortNamesProvider   = componentStore{}
)

func newComponentStore() componentStore {
	return componentStore{newTableConvertor(&row{object: &corev1.ComponentStatus{}, ageless: true, columns: []column{
		text("Status", func(runtime.Object) any { return "Unknown" }),
		text("Message", func(runtime.Object) any { return "" }),
		text("Error", func(runtime.Object) any { return "" }),
	}})}
}

// New implements rest.Storage.
func (componentStore) New() runtime.Object { return &corev1.ComponentStatus{} }

// NewList implements rest.Lister.
func (componentStore) NewList() runtime.Object { return &corev1.ComponentStatusList{} }

// Destroy implements rest.Storage.
func (componentStore) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (componentStore) NamespaceScoped() bool { return false }

// GetSingularName implements rest.SingularNameProvider.
func (componentStore) GetSingularName() string { return "componentstatus" }

// ShortNames implements rest.ShortNamesProvider.
func (componentStore) ShortNames() []string { return []string{"cs"} }

// List implements rest.Lister.
func (c componentStore) List(context.Context, *metainternalversion.ListOptions) (runtime.Object, error) {
	return c.NewList(), nil
}

// Get implements rest.Getter.
func (componentStore) Get(_ context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	return nil, apierrors.NewNotFound(corev1.Resource("componentstatuses"), name)
}
