package delegate

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// scaling is how many pods an object wants and has.
type scaling struct {
	wanted   **int32
	has      int32
	selector string
}

// scales adapts the scaling of one Go type. A selector that cannot be read is an error.
func scales[T any](f func(*T) (scaling, error)) func(runtime.Object) (scaling, error) {
	return func(obj runtime.Object) (scaling, error) {
		typed, ok := any(obj).(*T)
		if !ok {
			return scaling{}, apierrors.NewBadRequest(fmt.Sprintf("a %T has no scale", obj))
		}
		return f(typed)
	}
}

// selected writes a label selector as a scale shows it.
func selected(s *metav1.LabelSelector) (string, error) {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return "", apierrors.NewBadRequest(err.Error())
	}
	return selector.String(), nil
}

// scaleStore is the REST storage of a scale subresource: the same data, seen as autoscaling/v1 Scale.
// Upstream: pkg/registry/apps/deployment/storage/storage.go, ScaleREST.
type scaleStore struct{ store *store }

var (
	_ rest.Patcher                  = scaleStore{}
	_ rest.GroupVersionKindProvider = scaleStore{}
	_ rest.TableConvertor           = scaleStore{}
)

var scaleColumns = newTableConvertor(&row{object: &autoscalingv1.Scale{}, columns: []column{
	integer("Desired", of(func(s *autoscalingv1.Scale) any { return int64(s.Spec.Replicas) })),
	integer("Available", of(func(s *autoscalingv1.Scale) any { return int64(s.Status.Replicas) })),
}})

// replicasPath is where the number is in every kind that has a scale.
var replicasPath = fieldpath.MakePathOrDie("spec", "replicas")

// New implements rest.Storage.
func (scaleStore) New() runtime.Object { return &autoscalingv1.Scale{} }

// Destroy implements rest.Storage; the main resource owns the data.
func (scaleStore) Destroy() {}

// GroupVersionKind implements rest.GroupVersionKindProvider.
func (scaleStore) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return autoscalingv1.SchemeGroupVersion.WithKind("Scale")
}

// Get implements rest.Getter.
func (s scaleStore) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	obj, err := s.store.Get(ctx, name, options)
	if err != nil {
		return nil, err
	}
	return s.of(obj)
}

// Update implements rest.Updater.
func (s scaleStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo,
	onCreate rest.ValidateObjectFunc, onUpdate rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	obj, _, err := s.store.Update(ctx, name, scaleUpdate{s, name, info},
		func(ctx context.Context, obj runtime.Object) error {
			scale, err := s.of(obj)
			if err != nil {
				return err
			}
			return onCreate(ctx, scale)
		},
		func(ctx context.Context, obj, old runtime.Object) error {
			scale, err := s.of(obj)
			if err != nil {
				return err
			}
			before, err := s.of(old)
			if err != nil {
				return err
			}
			return onUpdate(ctx, scale, before)
		}, false, options)
	if err != nil {
		return nil, false, err
	}
	scale, err := s.of(obj)
	if err != nil {
		return nil, false, err
	}
	return scale, false, nil
}

// ConvertToTable implements rest.TableConvertor.
func (scaleStore) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return scaleColumns.ConvertToTable(ctx, obj, options)
}

func (s scaleStore) of(obj runtime.Object) (*autoscalingv1.Scale, error) {
	now, err := s.store.row.scale(obj)
	if err != nil {
		return nil, err
	}
	m := metaOf(obj)
	out := &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: m.GetName(), Namespace: m.GetNamespace(), UID: m.GetUID(),
			ResourceVersion: m.GetResourceVersion(), CreationTimestamp: m.GetCreationTimestamp(),
		},
		Status: autoscalingv1.ScaleStatus{Replicas: now.has, Selector: now.selector},
	}
	if *now.wanted != nil {
		out.Spec.Replicas = **now.wanted
	}
	return out, nil
}

// scaleUpdate turns a change of a scale into one of the object.
type scaleUpdate struct {
	scaleStore
	name string
	info rest.UpdatedObjectInfo
}

// Preconditions implements rest.UpdatedObjectInfo.
func (u scaleUpdate) Preconditions() *metav1.Preconditions { return u.info.Preconditions() }

// UpdatedObject implements rest.UpdatedObjectInfo.
func (u scaleUpdate) UpdatedObject(ctx context.Context, old runtime.Object) (runtime.Object, error) {
	obj := old.DeepCopyObject()
	m := metaOf(obj)
	resource := u.store.DefaultQualifiedResource
	resource.Resource += "/scale"
	if m.GetResourceVersion() == "" {
		return nil, apierrors.NewNotFound(resource, u.name)
	}
	gv := u.store.row.gv
	fields := managedfields.NewScaleHandler(m.GetManagedFields(), gv, managedfields.ResourcePathMappings{gv.String(): replicasPath})
	before, err := u.of(obj)
	if err != nil {
		return nil, err
	}
	if before.ManagedFields, err = fields.ToSubresource(); err != nil {
		return nil, err
	}
	changed, err := u.info.UpdatedObject(ctx, before)
	if err != nil {
		return nil, err
	}
	scale, ok := changed.(*autoscalingv1.Scale)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("expected input object type to be Scale, but %T", changed))
	}
	if scale.Spec.Replicas < 0 {
		return nil, apierrors.NewInvalid(autoscalingv1.SchemeGroupVersion.WithKind("Scale").GroupKind(), u.name, field.ErrorList{
			field.Invalid(field.NewPath("spec", "replicas"), scale.Spec.Replicas, "must be greater than or equal to 0"),
		})
	}
	if scale.UID != "" && scale.UID != m.GetUID() {
		return nil, apierrors.NewConflict(resource, u.name,
			fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", scale.UID, m.GetUID())) //nolint:staticcheck // upstream's text
	}
	now, err := u.store.row.scale(obj)
	if err != nil {
		return nil, err
	}
	*now.wanted = &scale.Spec.Replicas
	m.SetResourceVersion(scale.ResourceVersion)
	updated, err := fields.ToParent(scale.ManagedFields)
	if err != nil {
		return nil, err
	}
	m.SetManagedFields(updated)
	return obj, nil
}
