package serviceaccount

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"
)

const (
	defaultAccount = "default"
	rootCAName     = "kube-root-ca.crt"
	rootCAKey      = "ca.crt"

	descriptionAnnotation = "kubernetes.io/description"
	rootCADescription     = "Contains a CA bundle that can be used to verify kagg, as what verifies the kube-apiserver in a cluster."
)

// Provide gives a namespace its ServiceAccount and its root CA, and mends the latter. A namespace that is
// missing or terminating gets nothing. Upstream: pkg/controller/serviceaccount/serviceaccounts_controller.go,
// pkg/controller/certificates/rootcacertpublisher/publisher.go.
func (c *Controller) Provide(ctx context.Context, namespace string) error {
	before, err := c.active(ctx, namespace)
	if before == nil || err != nil {
		return err
	}
	sa, err := create(ctx, c.objects.ServiceAccounts, "serviceaccounts",
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: defaultAccount}})
	if err != nil {
		return fmt.Errorf("creating ServiceAccount %s/%s: %w", namespace, defaultAccount, err)
	}
	root, err := c.publishRootCA(ctx, namespace)
	if err != nil {
		return fmt.Errorf("publishing ConfigMap %s/%s: %w", namespace, rootCAName, err)
	}
	// The stores do not know of the namespace, as admission does: what came into one that went meanwhile
	// would wait there for the next of its name.
	after, err := c.active(ctx, namespace)
	if err != nil || after != nil && after.UID == before.UID {
		return err
	}
	return errors.Join(
		remove(ctx, c.objects.ServiceAccounts, "serviceaccounts", sa),
		remove(ctx, c.objects.ConfigMaps, "configmaps", root),
	)
}

// active returns the namespace, or nil when it is missing or terminating.
func (c *Controller) active(ctx context.Context, name string) (*corev1.Namespace, error) {
	n, err := get[corev1.Namespace](ctx, c.objects.Namespaces, "namespaces", metav1.NamespaceNone, name)
	if apierrors.IsNotFound(err) || err == nil && n.Status.Phase != corev1.NamespaceActive {
		return nil, nil // there is none, and nothing is wrong
	}
	return n, err
}

// publishRootCA makes the ConfigMap, or makes it right; it returns what it made.
func (c *Controller) publishRootCA(ctx context.Context, namespace string) (*corev1.ConfigMap, error) {
	found, err := get[corev1.ConfigMap](ctx, c.objects.ConfigMaps, "configmaps", namespace, rootCAName)
	var existing []byte
	if err == nil {
		existing = []byte(found.Data[rootCAKey])
	}
	want := map[string]string{rootCAKey: string(c.rootCA(existing))}
	switch {
	case apierrors.IsNotFound(err):
		return create(ctx, c.objects.ConfigMaps, "configmaps", &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: rootCAName,
				Annotations: map[string]string{descriptionAnnotation: rootCADescription},
			},
			Data: want,
		})
	case err != nil:
		return nil, err
	case maps.Equal(found.Data, want) && found.Annotations[descriptionAnnotation] != "":
		return nil, nil // nothing was made
	}
	err = update(ctx, c.objects.ConfigMaps, "configmaps", &found.ObjectMeta, func(m *corev1.ConfigMap) {
		m.Data = want
		if m.Annotations == nil {
			m.Annotations = map[string]string{}
		}
		m.Annotations[descriptionAnnotation] = rootCADescription
	})
	return nil, err
}

// create makes an object and returns it; nil when one of its name is there already.
func create[T any, P interface {
	*T
	runtime.Object
	metav1.Object
}](ctx context.Context, in rest.Creater, resource string, obj P) (*T, error) { //nolint:misspell // upstream's name
	made, err := in.Create(within(ctx, resource, obj.GetNamespace(), obj.GetName()), obj, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil, nil // nothing was made
	}
	if err != nil {
		return nil, err
	}
	return as[T](made)
}

// remove deletes that very object; nil and what is gone already are no error.
func remove[T any, P interface {
	*T
	metav1.Object
}](ctx context.Context, from rest.GracefulDeleter, resource string, obj P) error {
	if obj == nil {
		return nil
	}
	uid := obj.GetUID()
	_, _, err := from.Delete(within(ctx, resource, obj.GetNamespace(), obj.GetName()), obj.GetName(), rest.ValidateAllObjectFunc,
		&metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// eachOf calls f with each item of a list.
func eachOf[T any](list runtime.Object, f func(*T)) error {
	return meta.EachListItem(list, func(obj runtime.Object) error {
		item, err := as[T](obj)
		if err == nil {
			f(item)
		}
		return err
	})
}
