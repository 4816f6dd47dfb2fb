package delegate

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateRuntimeClass(c, old *nodev1.RuntimeClass) field.ErrorList {
	at := field.NewPath("handler")
	var errs field.ErrorList
	for _, msg := range validation.IsDNS1123Label(c.Handler) {
		errs = append(errs, field.Invalid(at, c.Handler, msg))
	}
	if old != nil {
		errs = append(errs, unchanged(at, c.Handler, old.Handler)...)
	}
	return errs
}

// systemPriority is what the names of priority classes begin with that only a cluster makes.
const systemPriority = "system-"

// validatePriorityClass follows pkg/apis/scheduling/validation/validation.go.
func validatePriorityClass(c, old *schedulingv1.PriorityClass) field.ErrorList {
	var errs field.ErrorList
	const highest = 1_000_000_000
	if !strings.HasPrefix(c.Name, systemPriority) && c.Value > highest {
		errs = append(errs, field.Forbidden(field.NewPath("value"), "maximum allowed value of a user defined priority is 1000000000"))
	}
	if p := c.PreemptionPolicy; p != nil {
		policies := []corev1.PreemptionPolicy{corev1.PreemptLowerPriority, corev1.PreemptNever}
		if !slices.Contains(policies, *p) {
			errs = append(errs, field.NotSupported(field.NewPath("preemptionPolicy"), *p, policies))
		}
	}
	if old != nil {
		if c.Value != old.Value {
			errs = append(errs, field.Forbidden(field.NewPath("value"), "may not be changed in an update."))
		}
		errs = append(errs, unchanged(field.NewPath("preemptionPolicy"), c.PreemptionPolicy, old.PreemptionPolicy)...)
	}
	return errs
}

func validateAttributesClass(c, old *storagev1.VolumeAttributesClass) field.ErrorList {
	var errs field.ErrorList
	if c.DriverName == "" {
		errs = append(errs, field.Required(field.NewPath("driverName"), ""))
	}
	if len(c.Parameters) == 0 {
		errs = append(errs, field.Required(field.NewPath("parameters"), "must contain at least one key/value pair"))
	}
	if old != nil {
		errs = append(errs, unchanged(field.NewPath("driverName"), c.DriverName, old.DriverName)...)
		errs = append(errs, unchanged(field.NewPath("parameters"), c.Parameters, old.Parameters)...)
	}
	return errs
}
