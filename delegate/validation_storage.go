package delegate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var accessModesKnown = []corev1.PersistentVolumeAccessMode{
	corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod,
}

// validateClaim follows pkg/apis/core/validation/validation.go, ValidatePersistentVolumeClaimSpec and
// ValidatePersistentVolumeClaimUpdate.
func validateClaim(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateAccessModes(c.Spec.AccessModes, spec.Child("accessModes"))
	at := spec.Child("resources").Key(string(corev1.ResourceStorage))
	if size, ok := c.Spec.Resources.Requests[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(at, ""))
	} else if size.Sign() <= 0 {
		errs = append(errs, field.Invalid(at, size.String(), "must be greater than zero"))
	}
	modes := []corev1.PersistentVolumeMode{corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem}
	if m := c.Spec.VolumeMode; m != nil && !slices.Contains(modes, *m) {
		errs = append(errs, field.NotSupported(spec.Child("volumeMode"), *m, modes))
	}
	if old == nil {
		return errs
	}
	return append(errs, validateClaimChange(c, old, spec)...)
}

func validateAccessModes(modes []corev1.PersistentVolumeAccessMode, at *field.Path) field.ErrorList {
	if len(modes) == 0 {
		return field.ErrorList{field.Required(at, "at least 1 access mode is required")}
	}
	var errs field.ErrorList
	others := false
	for _, m := range modes {
		if !slices.Contains(accessModesKnown, m) {
			errs = append(errs, field.NotSupported(at, m, accessModesKnown))
		} else if m != corev1.ReadWriteOncePod {
			others = true
		}
	}
	if others && slices.Contains(modes, corev1.ReadWriteOncePod) {
		errs = append(errs, field.Forbidden(at, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

// validateClaimChange allows what binds a claim, and, once it is bound, another size and attributes class.
func validateClaimChange(c, old *corev1.PersistentVolumeClaim, at *field.Path) field.ErrorList {
	now, before := c.Spec.DeepCopy(), old.Spec.DeepCopy()
	if before.VolumeName == "" {
		before.VolumeName = now.VolumeName
	}
	if before.StorageClassName == nil {
		if a, annotated := old.Annotations[corev1.BetaStorageClassAnnotation]; !annotated || now.StorageClassName != nil && *now.StorageClassName == a {
			before.StorageClassName = now.StorageClassName
		}
	}
	if c.Status.Phase == corev1.ClaimBound {
		before.VolumeAttributesClassName = now.VolumeAttributesClassName
		if now.Resources.Requests != nil {
			now.Resources.Requests[corev1.ResourceStorage] = before.Resources.Requests[corev1.ResourceStorage]
		}
	}
	var errs field.ErrorList
	if !equality.Semantic.DeepEqual(now, before) {
		errs = append(errs, field.Forbidden(at, "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n"+diff.Diff(*before, *now)))
	}
	size, formerly, has := c.Spec.Resources.Requests.Storage(), old.Spec.Resources.Requests.Storage(), old.Status.Capacity.Storage()
	if size.Cmp(*formerly) < 0 && size.Cmp(*has) <= 0 {
		errs = append(errs, field.Forbidden(at.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
	}
	return errs
}
