package delegate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateResources checks requests and limits. Upstream: pkg/apis/core/validation/validation.go,
// ValidateContainerResourceRequirements.
func validateResources(r *corev1.ResourceRequirements, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(r.Limits)) {
		errs = append(errs, validateQuantity(r.Limits[name], at.Child("limits").Key(string(name)))...)
		errs = append(errs, validateResourceName(name, at.Child("limits").Key(string(name)))...)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Requests)) {
		request, at := r.Requests[name], at.Child("requests")
		errs = append(errs, validateQuantity(request, at.Key(string(name)))...)
		errs = append(errs, validateResourceName(name, at.Key(string(name)))...)
		if limit, limited := r.Limits[name]; limited && request.Cmp(limit) > 0 {
			errs = append(errs, field.Invalid(at, request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String())))
		}
	}
	return errs
}

func validateResourceName(name corev1.ResourceName, at *field.Path) field.ErrorList {
	problems := validation.IsQualifiedName(string(name))
	errs := make(field.ErrorList, 0, len(problems))
	for _, msg := range problems {
		errs = append(errs, field.Invalid(at, name, msg))
	}
	if len(errs) > 0 || strings.Contains(string(name), "/") {
		return errs
	}
	switch name {
	case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
		return nil
	default:
		if strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix) {
			return nil
		}
		return field.ErrorList{field.Invalid(at, name, "must be a standard resource for containers")}
	}
}

func validateQuantity(q resource.Quantity, at *field.Path) field.ErrorList {
	if q.Sign() < 0 {
		return field.ErrorList{field.Invalid(at, q.String(), "must be greater than or equal to 0")}
	}
	return nil
}

func validateQuota(q, _ *corev1.ResourceQuota) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(q.Spec.Hard)) {
		at := field.NewPath("spec", "hard").Key(string(name))
		for _, msg := range validation.IsQualifiedName(string(name)) {
			errs = append(errs, field.Invalid(at, name, msg))
		}
		errs = append(errs, validateQuantity(q.Spec.Hard[name], at)...)
	}
	return errs
}

// notNegative checks a number that may be left out.
func notNegative(v *int32, at *field.Path) field.ErrorList {
	if v == nil {
		return nil
	}
	return apivalidation.ValidateNonnegativeField(int64(*v), at)
}

// notNegativePortion checks a number or a percentage, which may be left out.
func notNegativePortion(v *intstr.IntOrString, at *field.Path) field.ErrorList {
	switch {
	case v == nil:
		return nil
	case v.Type == intstr.String:
		var errs field.ErrorList
		for _, msg := range validation.IsValidPercent(v.StrVal) {
			errs = append(errs, field.Invalid(at, *v, msg))
		}
		return errs
	default:
		return apivalidation.ValidateNonnegativeField(int64(v.IntValue()), at)
	}
}

// unchanged refuses a change of what is immutable.
func unchanged(at *field.Path, now, old any) field.ErrorList {
	if equality.Semantic.DeepEqual(now, old) {
		return nil
	}
	return apivalidation.ValidateImmutableField(now, old, at)
}
