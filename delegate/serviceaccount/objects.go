package serviceaccount

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// Objects are the stores that tokens are checked against and that the controller fills. Their objects are
// those of k8s.io/api/core/v1. All are required.
type Objects struct {
	ServiceAccounts, Secrets, ConfigMaps, Namespaces rest.StandardStorage
	Pods, Nodes                                      rest.Getter
}

// within is a context for one object of a resource: the stores find the namespace in it, and name the
// resource of its request in their errors.
func within(ctx context.Context, resource, namespace, name string) context.Context {
	ctx = request.WithNamespace(ctx, namespace)
	return request.WithRequestInfo(ctx, &request.RequestInfo{
		IsResourceRequest: true, Verb: "get", APIVersion: "v1",
		Namespace: namespace, Resource: resource, Name: name, Parts: []string{resource, name},
	})
}

// get reads one object as it is now.
func get[T any](ctx context.Context, from rest.Getter, resource, namespace, name string) (*T, error) {
	obj, err := from.Get(within(ctx, resource, namespace, name), name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return as[T](obj)
}

// getFast is get, but takes what a cache before a remote storage has, and asks the storage for what the
// cache does not know yet. A storage in this process has no cache, and is as fast.
func getFast[T any](ctx context.Context, from rest.Getter, resource, namespace, name string) (*T, error) {
	obj, err := from.Get(within(ctx, resource, namespace, name), name, &metav1.GetOptions{ResourceVersion: "0"})
	if err != nil {
		return get[T](ctx, from, resource, namespace, name)
	}
	return as[T](obj)
}

func as[T any](obj runtime.Object) (*T, error) {
	typed, ok := any(obj).(*T)
	if !ok {
		return nil, fmt.Errorf("a store holds a %T where a %T belongs", obj, typed)
	}
	return typed, nil
}

// update changes the object that m is of, as it is now. One of the same name and another UID is NotFound.
func update[T any](ctx context.Context, in rest.Updater, resource string, m *metav1.ObjectMeta, change func(*T)) error {
	info := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		changed := old.DeepCopyObject()
		accessor, err := meta.Accessor(changed)
		if err != nil {
			return nil, err
		}
		if accessor.GetUID() != m.UID {
			return nil, apierrors.NewNotFound(corev1.Resource(resource), m.Name)
		}
		obj, err := as[T](changed)
		if err != nil {
			return nil, err
		}
		change(obj)
		return changed, nil
	})
	_, _, err := in.Update(within(ctx, resource, m.Namespace, m.Name), m.Name, info,
		rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	return err
}
