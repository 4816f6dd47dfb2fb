package delegate

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	storageerr "k8s.io/apiserver/pkg/storage/errors"
	"k8s.io/apiserver/pkg/util/dryrun"
)

// bindingStore is the REST storage of pods/binding, which puts a pod on a node as a scheduler does.
// Upstream: pkg/registry/core/pod/storage/storage.go, BindingREST.
type bindingStore struct{ pods *store }

var (
	_ rest.NamedCreater                   = bindingStore{}
	_ rest.SubresourceObjectMetaPreserver = bindingStore{}
)

// New implements rest.Storage.
func (bindingStore) New() runtime.Object { return &corev1.Binding{} }

// Destroy implements rest.Storage; the main resource owns the data.
func (bindingStore) Destroy() {}

// PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate keeps the UID and the resource version, which
// are preconditions.
func (bindingStore) PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate() bool { return true }

// Create binds the named pod.
func (s bindingStore) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	binding, ok := obj.(*corev1.Binding)
	if !ok {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("not a Binding object: %#v", obj))
	}
	if name != binding.Name {
		return nil, apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	if errs := validateBindingTarget(binding); len(errs) > 0 {
		return nil, errs.ToAggregate()
	}
	if validate != nil {
		if err := validate(ctx, binding.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	key, err := s.pods.KeyFunc(ctx, name)
	if err != nil {
		return nil, err
	}
	var conditions *storage.Preconditions
	if binding.UID != "" || binding.ResourceVersion != "" {
		conditions = &storage.Preconditions{}
		if binding.UID != "" {
			conditions.UID = &binding.UID
		}
		if binding.ResourceVersion != "" {
			conditions.ResourceVersion = &binding.ResourceVersion
		}
	}
	err = s.pods.Storage.GuaranteedUpdate(ctx, key, s.pods.New(), false, conditions,
		storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) { return bind(obj, binding) }), dryrun.IsDryRun(options.DryRun), nil)
	if err != nil {
		return nil, bindingError(err, name)
	}
	return &metav1.Status{Status: metav1.StatusSuccess}, nil
}

func validateBindingTarget(b *corev1.Binding) field.ErrorList {
	var errs field.ErrorList
	at := field.NewPath("target")
	if b.Target.Kind != "" && b.Target.Kind != "Node" {
		errs = append(errs, field.NotSupported(at.Child("kind"), b.Target.Kind, []string{"Node", "<empty>"}))
	}
	if b.Target.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	}
	return errs
}

func bind(obj runtime.Object, b *corev1.Binding) (runtime.Object, error) {
	pod, ok := obj.(*corev1.Pod)
	switch {
	case !ok:
		return nil, fmt.Errorf("the pods storage holds a %T", obj)
	case pod.DeletionTimestamp != nil:
		return nil, fmt.Errorf("pod %s is being deleted, cannot be assigned to a host", pod.Name)
	case pod.Spec.NodeName != "":
		return nil, fmt.Errorf("pod %v is already assigned to node %q", pod.Name, pod.Spec.NodeName)
	case len(pod.Spec.SchedulingGates) > 0:
		return nil, fmt.Errorf("pod %v has non-empty .spec.schedulingGates", pod.Name)
	}
	pod.Spec.NodeName, pod.Status.NominatedNodeName = b.Target.Name, ""
	pod.Annotations = merged(pod.Annotations, b.Annotations)
	pod.Labels = merged(pod.Labels, b.Labels)
	setPodCondition(&pod.Status, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue})
	return pod, nil
}

func merged(into, from map[string]string) map[string]string {
	if into == nil && len(from) > 0 {
		into = map[string]string{}
	}
	maps.Copy(into, from)
	return into
}

func bindingError(err error, name string) error {
	err = storageerr.InterpretGetError(err, corev1.Resource("pods"), name)
	err = storageerr.InterpretUpdateError(err, corev1.Resource("pods"), name)
	if _, ok := err.(*apierrors.StatusError); !ok { //nolint:errorlint // storage's own errors are not wrapped
		return apierrors.NewConflict(corev1.Resource("pods/binding"), name, err)
	}
	return err
}

// bindingsStore is the REST storage of bindings, the older form of pods/binding.
type bindingsStore struct{ bindingStore }

var (
	_ rest.Creater              = bindingsStore{} //nolint:misspell // upstream's name
	_ rest.Scoper               = bindingsStore{}
	_ rest.SingularNameProvider = bindingsStore{}
)

// NamespaceScoped implements rest.Scoper.
func (bindingsStore) NamespaceScoped() bool { return true }

// GetSingularName implements rest.SingularNameProvider.
func (bindingsStore) GetSingularName() string { return "binding" }

// Create binds the pod that the binding is named after.
func (s bindingsStore) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	return s.bindingStore.Create(ctx, metaOf(obj).GetName(), obj, validate, options)
}
