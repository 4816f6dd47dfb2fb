package aggregator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/retry"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration"

	"github.com/kagg-project/kagg/internal/manifest"
)

// fieldManager owns the fields of objects that come from files.
const fieldManager = "kagg-files"

// resource says where objects of a kind are kept.
type resource struct {
	schema.GroupVersionResource
	namespaced bool
}

// files keeps the objects in the local APIs in step with those in files: what a
// file has is created and updated, what it has no more is deleted, and all else
// is left alone. It is used by one goroutine.
type files struct {
	client    dynamic.Interface
	resources map[schema.GroupVersionKind]resource
	applied   map[fileKey]manifest.Object
	// refused holds what the API said of an object that it did not take.
	refused map[fileKey]string
	// ledger outlives the process where the objects do; nil where they do not.
	ledger  *ledger
	onEvent func(Event)
}

type fileKey struct {
	kind            schema.GroupVersionKind
	namespace, name string
}

func (k fileKey) String() string {
	if k.namespace == "" {
		return fmt.Sprintf("%s/%s", k.kind.Kind, k.name)
	}
	return fmt.Sprintf("%s/%s in namespace %s", k.kind.Kind, k.name, k.namespace)
}

func newFiles(client dynamic.Interface, resources map[schema.GroupVersionKind]resource, onEvent func(Event)) *files {
	return &files{client: client, resources: resources, applied: map[fileKey]manifest.Object{}, refused: map[fileKey]string{}, onEvent: onEvent}
}

// sync makes the local APIs have what objects say. The errors name the file and
// the line; an object with an error stays as it was, and all others are synced. An
// object that is refused as before is tried again and not told of again.
func (f *files) sync(ctx context.Context, objects []manifest.Object) error {
	wanted := make(map[fileKey]manifest.Object, len(objects))
	for _, o := range objects {
		wanted[f.keyOf(o)] = o
	}
	errs := f.settleFormer(ctx, wanted)
	for _, key := range slices.Backward(slices.SortedFunc(maps.Keys(f.applied), compareFileKeys)) {
		if _, ok := wanted[key]; !ok {
			if err := f.remove(ctx, key); err != nil {
				errs = append(errs, err)
			}
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(wanted), compareFileKeys) {
		o := wanted[key]
		if before, ok := f.applied[key]; ok && reflect.DeepEqual(before.Object.Object, o.Object.Object) {
			continue
		}
		if err := f.apply(ctx, key, o); err != nil {
			refusal := fmt.Errorf("%s: %s: %w", o.Source, key, err)
			if refusal.Error() != f.refused[key] {
				errs = append(errs, refusal)
			}
			f.refused[key] = refusal.Error()
			continue
		}
		f.applied[key] = o
		delete(f.refused, key)
	}
	maps.DeleteFunc(f.refused, func(key fileKey, _ string) bool { _, ok := wanted[key]; return !ok })
	errs = append(errs, f.ledger.settle(f.applied))
	return errors.Join(errs...)
}

// compareFileKeys puts namespaces before what is in them, and APIServices after
// the Services that they name: one that comes too early would be seen failing.
func compareFileKeys(a, b fileKey) int {
	rank := func(k fileKey) int {
		switch {
		case k.kind.Group == "" && k.kind.Kind == "Namespace":
			return 0
		case k.kind.Group == apiregistration.GroupName:
			return 2
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.kind.String(), b.kind.String()),
		cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
}

func (f *files) keyOf(o manifest.Object) fileKey {
	k := fileKey{kind: o.Object.GroupVersionKind(), namespace: o.Object.GetNamespace(), name: o.Object.GetName()}
	switch namespaced := f.resources[k.kind].namespaced; {
	case namespaced && k.namespace == "":
		k.namespace = metav1.NamespaceDefault
	case !namespaced:
		k.namespace = ""
	}
	return k
}

func (f *files) in(key fileKey) dynamic.ResourceInterface {
	r := f.resources[key.kind]
	if r.namespaced {
		return f.client.Resource(r.GroupVersionResource).Namespace(key.namespace)
	}
	return f.client.Resource(r.GroupVersionResource)
}

func (f *files) remove(ctx context.Context, key fileKey) error {
	if err := f.in(key).Delete(ctx, key.name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("removing %s, which is in no file any more: %w", key, err)
	}
	delete(f.applied, key)
	return nil
}

// apply creates the object, or replaces the one that exists. A namespace that is
// missing is made: who writes a Service for a local server should not have to
// write the namespace of a cluster as well.
func (f *files) apply(ctx context.Context, key fileKey, o manifest.Object) error {
	err := f.put(ctx, key, o.Object)
	if apierrors.IsNotFound(err) && key.namespace != "" {
		if err := f.makeNamespace(ctx, key.namespace, o.Source); err != nil {
			return err
		}
		err = f.put(ctx, key, o.Object)
	}
	return err
}

func (f *files) put(ctx context.Context, key fileKey, object *unstructured.Unstructured) error {
	in := f.in(key)
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		next := object.DeepCopy()
		next.SetNamespace(key.namespace)
		made, err := in.Create(ctx, next, metav1.CreateOptions{FieldManager: fieldManager})
		if err == nil {
			f.ledger.note(key, made.GetUID())
		}
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		existing, err := in.Get(ctx, key.name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		next = object.DeepCopy()
		next.SetNamespace(key.namespace)
		next.SetResourceVersion(existing.GetResourceVersion())
		if _, err = in.Update(ctx, next, metav1.UpdateOptions{FieldManager: fieldManager}); err == nil {
			f.ledger.note(key, existing.GetUID())
		}
		return err
	})
}

func (f *files) makeNamespace(ctx context.Context, name string, forObject manifest.Source) error {
	namespace := &unstructured.Unstructured{}
	namespace.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"})
	namespace.SetName(name)
	_, err := f.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).
		Create(ctx, namespace, metav1.CreateOptions{FieldManager: fieldManager})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	if err == nil {
		f.onEvent(Event{Subject: "namespace/" + name, Message: fmt.Sprintf("made for %s:%d", forObject.File, forObject.Line)})
	}
	return err
}
