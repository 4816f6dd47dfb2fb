package delegate

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateFinalizers refuses names that a kube-apiserver refuses when an object of its own kinds is
// created. Upstream: pkg/apis/core/validation/validation.go, ValidateObjectMeta.
func validateFinalizers(names []string) field.ErrorList {
	var errs field.ErrorList
	for i, name := range names {
		switch name {
		case string(corev1.FinalizerKubernetes), metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents:
			continue
		}
		if !strings.Contains(name, "/") {
			errs = append(errs, field.Invalid(field.NewPath("metadata", "finalizers").Index(i), name,
				"name is neither a standard finalizer name nor is it fully qualified"))
		}
	}
	return errs
}

// validateNamespaceStatus keeps the phase in line with the deletion: a phase of its own would close a
// namespace that nobody is going to remove.
func validateNamespaceStatus(n, _ *corev1.Namespace) field.ErrorList {
	at := field.NewPath("status", "Phase")
	switch {
	case n.DeletionTimestamp.IsZero() && n.Status.Phase != corev1.NamespaceActive:
		return field.ErrorList{field.Invalid(at, n.Status.Phase, "may only be 'Active' if `deletionTimestamp` is empty")}
	case !n.DeletionTimestamp.IsZero() && n.Status.Phase != corev1.NamespaceTerminating:
		return field.ErrorList{field.Invalid(at, n.Status.Phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")}
	default:
		return nil
	}
}

// validateEvent refuses an event that is not where its object is; those of objects outside of namespaces
// belong to "default". Upstream: pkg/apis/core/validation/events.go.
func validateEvent(e, old *corev1.Event) field.ErrorList {
	if old != nil {
		return nil
	}
	of := e.InvolvedObject.Namespace
	if of == e.Namespace || of == "" && e.Namespace == metav1.NamespaceDefault {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("involvedObject", "namespace"), of, "does not match event.namespace")}
}
