package delegate

import (
	"context"
	"errors"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
)

// lifecycle refuses new objects in a namespace that is missing or terminating, and the deletion of
// those that a cluster always has. It answers as k8s.io/apiserver's plugin of the same name, but looks
// at the storage, so that it knows of a namespace at once.
type lifecycle struct {
	namespace func(ctx context.Context, name string) (runtime.Object, error)
}

var _ admission.MutationInterface = lifecycle{}

// errImmortal is upstream's text.
var errImmortal = errors.New("this namespace may not be deleted")

// Handles implements admission.Interface.
func (lifecycle) Handles(op admission.Operation) bool {
	return op == admission.Create || op == admission.Delete
}

// Admit implements admission.MutationInterface.
func (l lifecycle) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetKind().GroupKind() == corev1.SchemeGroupVersion.WithKind("Namespace").GroupKind() {
		if a.GetOperation() == admission.Delete && immortal(a.GetName()) {
			return apierrors.NewForbidden(a.GetResource().GroupResource(), a.GetName(), errImmortal)
		}
		return nil
	}
	if a.GetOperation() != admission.Create || a.GetNamespace() == "" || isLocalReview(a) {
		return nil
	}
	obj, err := l.namespace(ctx, a.GetNamespace())
	if apierrors.IsNotFound(err) {
		// The store would name the resource of the request.
		return apierrors.NewNotFound(corev1.Resource("namespaces"), a.GetNamespace())
	}
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	ns, ok := obj.(*corev1.Namespace)
	if !ok || ns.Status.Phase != corev1.NamespaceTerminating {
		return nil
	}
	return terminatingError(a)
}

func immortal(name string) bool {
	return name == metav1.NamespaceDefault || name == metav1.NamespaceSystem || name == metav1.NamespacePublic
}

// isLocalReview spares questions about a namespace: an error would tell whether it exists.
func isLocalReview(a admission.Attributes) bool {
	return a.GetResource().GroupResource() == authorizationv1.Resource("localsubjectaccessreviews")
}

func terminatingError(a admission.Attributes) error {
	err := admission.NewForbidden(a, fmt.Errorf("unable to create new content in namespace %s because it is being terminated", a.GetNamespace()))
	var status *apierrors.StatusError
	if errors.As(err, &status) && status.ErrStatus.Details != nil {
		status.ErrStatus.Details.Causes = append(status.ErrStatus.Details.Causes, metav1.StatusCause{
			Type:    corev1.NamespaceTerminatingCause,
			Message: fmt.Sprintf("namespace %s is being terminated", a.GetNamespace()),
			Field:   "metadata.namespace",
		})
	}
	return err
}
