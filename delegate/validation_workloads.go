package delegate

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	unversionedvalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What the kinds of apps may be. Upstream: pkg/apis/apps/validation/validation.go.

const mismatch = "`selector` does not match template `labels`"

// validateSelecting checks that a selector is there, and selects the pods of the template.
func validateSelecting(selector *metav1.LabelSelector, template *corev1.PodTemplateSpec, kind string) field.ErrorList {
	at := field.NewPath("spec", "selector")
	var errs field.ErrorList
	if selector == nil {
		errs = append(errs, field.Required(at, ""))
	} else {
		errs = append(errs, unversionedvalidation.ValidateLabelSelector(selector, unversionedvalidation.LabelSelectorValidationOptions{}, at)...)
		if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
			errs = append(errs, field.Invalid(at, selector, "empty selector is invalid for "+kind))
		}
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return append(errs, field.Invalid(at, selector, "invalid label selector"))
	}
	if !parsed.Empty() && !parsed.Matches(labels.Set(template.Labels)) {
		errs = append(errs, field.Invalid(field.NewPath("spec", "template", "metadata", "labels"), template.Labels, mismatch))
	}
	return errs
}

func validateDeployment(d, old *appsv1.Deployment) field.ErrorList {
	spec := field.NewPath("spec")
	errs := notNegative(d.Spec.Replicas, spec.Child("replicas"))
	errs = append(errs, validateSelecting(d.Spec.Selector, &d.Spec.Template, "deployment")...)
	errs = append(errs, validateTemplate(&d.Spec.Template, spec.Child("template"), "ReplicaSet")...)
	errs = append(errs, validateDeploymentStrategy(&d.Spec.Strategy, spec.Child("strategy"))...)
	errs = append(errs, notNegative(&d.Spec.MinReadySeconds, spec.Child("minReadySeconds"))...)
	errs = append(errs, notNegative(d.Spec.RevisionHistoryLimit, spec.Child("revisionHistoryLimit"))...)
	if p := d.Spec.ProgressDeadlineSeconds; p != nil {
		errs = append(errs, notNegative(p, spec.Child("progressDeadlineSeconds"))...)
		if *p <= d.Spec.MinReadySeconds {
			errs = append(errs, field.Invalid(spec.Child("progressDeadlineSeconds"), *p, "must be greater than minReadySeconds"))
		}
	}
	if old != nil {
		errs = append(errs, unchanged(spec.Child("selector"), d.Spec.Selector, old.Spec.Selector)...)
	}
	return errs
}

func validateDeploymentStrategy(s *appsv1.DeploymentStrategy, at *field.Path) field.ErrorList {
	types := []appsv1.DeploymentStrategyType{appsv1.RecreateDeploymentStrategyType, appsv1.RollingUpdateDeploymentStrategyType}
	rolling := at.Child("rollingUpdate")
	switch s.Type {
	case appsv1.RecreateDeploymentStrategyType:
		if s.RollingUpdate != nil {
			return field.ErrorList{field.Forbidden(rolling, "may not be specified when strategy `type` is 'Recreate'")}
		}
		return nil
	case appsv1.RollingUpdateDeploymentStrategyType:
		if s.RollingUpdate == nil {
			return field.ErrorList{field.Required(rolling, "this should be defaulted and never be nil")}
		}
		errs := notNegativePortion(s.RollingUpdate.MaxUnavailable, rolling.Child("maxUnavailable"))
		errs = append(errs, notNegativePortion(s.RollingUpdate.MaxSurge, rolling.Child("maxSurge"))...)
		if portion(s.RollingUpdate.MaxUnavailable) == 0 && portion(s.RollingUpdate.MaxSurge) == 0 {
			errs = append(errs, field.Invalid(rolling.Child("maxUnavailable"), s.RollingUpdate.MaxUnavailable, "may not be 0 when `maxSurge` is 0"))
		}
		if u := s.RollingUpdate.MaxUnavailable; u != nil && u.Type == intstr.String && portion(u) > 100 {
			errs = append(errs, field.Invalid(rolling.Child("maxUnavailable"), u, "must not be greater than 100%"))
		}
		return errs
	default:
		return field.ErrorList{field.NotSupported(at.Child("type"), s.Type, types)}
	}
}

// portion is the number, or that of the percentage.
func portion(v *intstr.IntOrString) int {
	if v == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(v, 100, false)
	if err != nil {
		return -1 // refused elsewhere
	}
	return n
}

func validateReplicaSet(r, old *appsv1.ReplicaSet) field.ErrorList {
	spec := field.NewPath("spec")
	errs := notNegative(r.Spec.Replicas, spec.Child("replicas"))
	errs = append(errs, notNegative(&r.Spec.MinReadySeconds, spec.Child("minReadySeconds"))...)
	errs = append(errs, validateSelecting(r.Spec.Selector, &r.Spec.Template, "deployment")...)
	errs = append(errs, validateTemplate(&r.Spec.Template, spec.Child("template"), "ReplicaSet")...)
	if old != nil {
		errs = append(errs, unchanged(spec.Child("selector"), r.Spec.Selector, old.Spec.Selector)...)
	}
	return errs
}

func validateDaemonSet(d, old *appsv1.DaemonSet) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateSelecting(d.Spec.Selector, &d.Spec.Template, "daemonset")
	errs = append(errs, validateTemplate(&d.Spec.Template, spec.Child("template"), "DaemonSet")...)
	errs = append(errs, notNegative(&d.Spec.MinReadySeconds, spec.Child("minReadySeconds"))...)
	errs = append(errs, notNegative(d.Spec.RevisionHistoryLimit, spec.Child("revisionHistoryLimit"))...)
	if old != nil {
		errs = append(errs, unchanged(spec.Child("selector"), d.Spec.Selector, old.Spec.Selector)...)
	}
	return errs
}

func validateStatefulSet(s, old *appsv1.StatefulSet) field.ErrorList {
	spec := field.NewPath("spec")
	errs := notNegative(s.Spec.Replicas, spec.Child("replicas"))
	errs = append(errs, notNegative(&s.Spec.MinReadySeconds, spec.Child("minReadySeconds"))...)
	if p := s.Spec.PodManagementPolicy; p != appsv1.OrderedReadyPodManagement && p != appsv1.ParallelPodManagement {
		errs = append(errs, field.Invalid(spec.Child("podManagementPolicy"), p,
			fmt.Sprintf("must be '%s' or '%s'", appsv1.OrderedReadyPodManagement, appsv1.ParallelPodManagement)))
	}
	if s.Spec.ServiceName != "" {
		for _, msg := range validation.IsDNS1123Label(s.Spec.ServiceName) {
			errs = append(errs, field.Invalid(spec.Child("serviceName"), s.Spec.ServiceName, msg))
		}
	}
	errs = append(errs, validateSelecting(s.Spec.Selector, &s.Spec.Template, "statefulset")...)
	// The claims are volumes of each pod, under the claim templates' names.
	template := s.Spec.Template.DeepCopy()
	for i := range s.Spec.VolumeClaimTemplates {
		name := s.Spec.VolumeClaimTemplates[i].Name
		template.Spec.Volumes = append(withoutVolume(template.Spec.Volumes, name), corev1.Volume{Name: name})
	}
	errs = append(errs, validateTemplate(template, spec.Child("template"), "StatefulSet")...)
	if old != nil {
		errs = append(errs, unchanged(spec.Child("selector"), s.Spec.Selector, old.Spec.Selector)...)
		errs = append(errs, unchanged(spec.Child("volumeClaimTemplates"), s.Spec.VolumeClaimTemplates, old.Spec.VolumeClaimTemplates)...)
		errs = append(errs, unchanged(spec.Child("serviceName"), s.Spec.ServiceName, old.Spec.ServiceName)...)
		errs = append(errs, unchanged(spec.Child("podManagementPolicy"), s.Spec.PodManagementPolicy, old.Spec.PodManagementPolicy)...)
	}
	return errs
}

func withoutVolume(volumes []corev1.Volume, name string) []corev1.Volume {
	out := make([]corev1.Volume, 0, len(volumes)+1)
	for i := range volumes {
		if volumes[i].Name != name {
			out = append(out, volumes[i])
		}
	}
	return out
}

func validateReplicationController(r, _ *corev1.ReplicationController) field.ErrorList {
	spec := field.NewPath("spec")
	errs := notNegative(r.Spec.Replicas, spec.Child("replicas"))
	errs = append(errs, notNegative(&r.Spec.MinReadySeconds, spec.Child("minReadySeconds"))...)
	if len(r.Spec.Selector) == 0 {
		errs = append(errs, field.Required(spec.Child("selector"), ""))
	}
	if r.Spec.Template == nil {
		return append(errs, field.Required(spec.Child("template"), ""))
	}
	if !labels.SelectorFromSet(r.Spec.Selector).Matches(labels.Set(r.Spec.Template.Labels)) {
		errs = append(errs, field.Invalid(spec.Child("template", "metadata", "labels"), r.Spec.Template.Labels, mismatch))
	}
	return append(errs, validateTemplate(r.Spec.Template, spec.Child("template"), "ReplicationController")...)
}
