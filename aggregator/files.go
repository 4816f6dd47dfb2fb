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

	"github.com/kagg-project/kagg/delegate"
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
	// others reaches the kinds that the local APIs do not have.
	others  everyone
	applied map[fileKey]manifest.Object
	// refused holds what the API said of an object that it did not take.
	refused map[fileKey]string
	// ledger outlives the process where the objects do; nil where they do not.
	ledger *ledger
	// waiting are the objects whose kind nobody serves, told those that were told
	// of. What a definition in the files defines is told of only when patient.
	waiting, told map[fileKey]bool
	// leaving are the kinds whose definitions the last sync removed: they are
	// still served, and their objects are about to go.
	leaving map[schema.GroupVersionKind]bool
	patient bool
	// passing tells that an object may be taken when it is tried again.
	passing bool
	onEvent func(Event)
}

type fileKey struct {
	kind schema.GroupVersionKind
	// namespace is the one written for a kind that the local APIs do not have,
	// since its scope may not be known.
	namespace, name string
}

// other tells that the kind is one that the local APIs do not have.
func (k fileKey) other() bool { return !delegate.Scheme.Recognizes(k.kind) }

func (k fileKey) String() string {
	if k.namespace == "" {
		return fmt.Sprintf("%s/%s", k.kind.Kind, k.name)
	}
	return fmt.Sprintf("%s/%s in namespace %s", k.kind.Kind, k.name, k.namespace)
}

func newFiles(client dynamic.Interface, resources map[schema.GroupVersionKind]resource, others everyone, onEvent func(Event)) *files {
	return &files{
		client: client, resources: resources, others: others, applied: map[fileKey]manifest.Object{}, refused: map[fileKey]string{},
		told: map[fileKey]bool{}, onEvent: onEvent,
	}
}

// sync makes the local APIs have what objects say. The errors name the file and
// the line; an object with an error stays as it was, and all others are synced. An
// object that is refused as before is tried again and not told of again; one whose
// kind nobody serves waits, and is told of as an event.
func (f *files) sync(ctx context.Context, objects []manifest.Object) error {
	wanted := make(map[fileKey]manifest.Object, len(objects))
	for _, o := range objects {
		wanted[f.keyOf(o)] = o
	}
	f.waiting, f.leaving, f.passing = map[fileKey]bool{}, map[schema.GroupVersionKind]bool{}, false
	f.forgetGone()
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
		err := errNotServed
		if !f.leaving[key.kind] {
			err = f.apply(ctx, key, o)
		}
		if errors.Is(err, errNotServed) {
			f.waiting[key] = true
			continue
		}
		if err != nil {
			f.passing = f.passing || passing(err)
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
	f.tellWaiting(wanted)
	maps.DeleteFunc(f.refused, func(key fileKey, _ string) bool { _, ok := wanted[key]; return !ok })
	errs = append(errs, f.ledger.settle(f.applied))
	return errors.Join(errs...)
}

// compareFileKeys puts namespaces before what is in them, definitions before what
// they define, and APIServices after the Services that they name: one that comes
// too early would be seen failing.
func compareFileKeys(a, b fileKey) int {
	rank := func(k fileKey) int {
		switch {
		case k.kind.Group == "" && k.kind.Kind == "Namespace":
			return 0
		case k.kind.GroupKind() == definitionKind:
			return 1
		case k.kind.Group == apiregistration.GroupName:
			return 3
		case k.other():
			return 4
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.kind.String(), b.kind.String()),
		cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name))
}

func (f *files) keyOf(o manifest.Object) fileKey {
	k := fileKey{kind: o.Object.GroupVersionKind(), namespace: o.Object.GetNamespace(), name: o.Object.GetName()}
	if !k.other() {
		k.namespace = f.resources[k.kind].namespace(k.namespace)
	}
	return k
}

// namespace returns the namespace of an object that is written with one.
func (r resource) namespace(written string) string {
	switch {
	case !r.namespaced:
		return ""
	case written == "":
		return metav1.NamespaceDefault
	}
	return written
}

// in returns where an object is kept, and its namespace there; errNotServed when
// nobody serves its kind.
func (f *files) in(key fileKey) (dynamic.ResourceInterface, string, error) {
	client, r := f.client, f.resources[key.kind]
	if key.other() {
		var ok bool
		if r, ok = f.others.find(key.kind); !ok {
			return nil, "", errNotServed
		}
		client = f.others.client
	}
	namespace := r.namespace(key.namespace)
	if namespace == "" {
		return client.Resource(r.GroupVersionResource), "", nil
	}
	return client.Resource(r.GroupVersionResource).Namespace(namespace), namespace, nil
}

// remove deletes an object. What nobody serves is gone already, as is what a
// removed definition defined.
func (f *files) remove(ctx context.Context, key fileKey) error {
	in, _, err := f.in(key)
	if errors.Is(err, errNotServed) {
		delete(f.applied, key)
		return nil
	}
	if key.kind.GroupKind() == definitionKind {
		for kind := range defined([]manifest.Object{f.applied[key]}) {
			f.leaving[kind] = true
			maps.DeleteFunc(f.applied, func(k fileKey, _ manifest.Object) bool { return k.kind == kind })
		}
	}
	if err := in.Delete(ctx, key.name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
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
	if apierrors.IsNotFound(err) {
		_, namespace, _ := f.in(key)
		if namespace == "" {
			return err
		}
		if err := f.makeNamespace(ctx, namespace, o.Source); err != nil {
			return err
		}
		err = f.put(ctx, key, o.Object)
	}
	return err
}

func (f *files) put(ctx context.Context, key fileKey, object *unstructured.Unstructured) error {
	in, namespace, err := f.in(key)
	if err != nil {
		return err
	}
	validation := ""
	if key.other() {
		validation = metav1.FieldValidationStrict // the others were checked when they were read
	}
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		next := object.DeepCopy()
		next.SetNamespace(namespace)
		made, err := in.Create(ctx, next, metav1.CreateOptions{FieldManager: fieldManager, FieldValidation: validation})
		if err == nil {
			f.ledger.note(key, made.GetUID())
		}
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		existing, err := in.Get(ctx, object.GetName(), metav1.GetOptions{})
		if err != nil {
			return err
		}
		if existing.GetDeletionTimestamp() != nil {
			return errBeingDeleted
		}
		next = object.DeepCopy()
		next.SetNamespace(namespace)
		next.SetResourceVersion(existing.GetResourceVersion())
		if _, err = in.Update(ctx, next, metav1.UpdateOptions{FieldManager: fieldManager, FieldValidation: validation}); err == nil {
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
