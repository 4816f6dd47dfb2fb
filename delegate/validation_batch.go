package delegate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	unversionedvalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// The labels that a job's pods have before and since they were qualified.
const (
	jobNameLabel       = "job-name"
	controllerUIDLabel = "controller-uid"
)

// prepareJob gives a new job the selector of its own pods, unless it brings one. Upstream:
// pkg/registry/batch/job/strategy.go, generateSelector.
func prepareJob(j, old *batchv1.Job) {
	if old != nil || ptr.Deref(j.Spec.ManualSelector, false) {
		return
	}
	l := j.Spec.Template.Labels
	if l == nil {
		l = map[string]string{}
		j.Spec.Template.Labels = l
	}
	for label, value := range map[string]string{
		jobNameLabel: j.Name, batchv1.JobNameLabel: j.Name, controllerUIDLabel: string(j.UID), batchv1.ControllerUidLabel: string(j.UID),
	} {
		if _, set := l[label]; !set {
			l[label] = value
		}
	}
	if j.Spec.Selector == nil {
		j.Spec.Selector = &metav1.LabelSelector{}
	}
	if j.Spec.Selector.MatchLabels == nil {
		j.Spec.Selector.MatchLabels = map[string]string{}
	}
	if _, set := j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel]; !set {
		j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel] = string(j.UID)
	}
}

// validateJob follows pkg/apis/batch/validation/validation.go, ValidateJobSpec.
func validateJob(j, old *batchv1.Job) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateJobSpec(&j.Spec, spec)
	if j.Spec.Selector == nil {
		errs = append(errs, field.Required(spec.Child("selector"), ""))
	} else {
		errs = append(errs, unversionedvalidation.ValidateLabelSelector(j.Spec.Selector, unversionedvalidation.LabelSelectorValidationOptions{}, spec.Child("selector"))...)
	}
	if selector, err := metav1.LabelSelectorAsSelector(j.Spec.Selector); err == nil && !selector.Matches(labels.Set(j.Spec.Template.Labels)) {
		errs = append(errs, field.Invalid(spec.Child("template", "metadata", "labels"), j.Spec.Template.Labels, mismatch))
	}
	if old == nil {
		return errs
	}
	errs = append(errs, unchanged(spec.Child("selector"), j.Spec.Selector, old.Spec.Selector)...)
	if ptr.Deref(j.Spec.CompletionMode, batchv1.NonIndexedCompletion) == batchv1.NonIndexedCompletion {
		errs = append(errs, unchanged(spec.Child("completions"), j.Spec.Completions, old.Spec.Completions)...)
	}
	errs = append(errs, unchanged(spec.Child("completionMode"), j.Spec.CompletionMode, old.Spec.CompletionMode)...)
	if suspended := ptr.Deref(old.Spec.Suspend, false) && old.Status.StartTime == nil; !suspended {
		errs = append(errs, unchanged(spec.Child("template"), j.Spec.Template, old.Spec.Template)...)
	}
	return errs
}

func validateJobSpec(s *batchv1.JobSpec, at *field.Path) field.ErrorList {
	errs := notNegative(s.Parallelism, at.Child("parallelism"))
	errs = append(errs, notNegative(s.Completions, at.Child("completions"))...)
	errs = append(errs, notNegative(s.BackoffLimit, at.Child("backoffLimit"))...)
	errs = append(errs, notNegative(s.TTLSecondsAfterFinished, at.Child("ttlSecondsAfterFinished"))...)
	if m := s.CompletionMode; m != nil {
		modes := []batchv1.CompletionMode{batchv1.NonIndexedCompletion, batchv1.IndexedCompletion}
		if !slices.Contains(modes, *m) {
			errs = append(errs, field.NotSupported(at.Child("completionMode"), *m, modes))
		}
		if *m == batchv1.IndexedCompletion && s.Completions == nil {
			errs = append(errs, field.Required(at.Child("completions"), fmt.Sprintf("when completion mode is %s", batchv1.IndexedCompletion)))
		}
	}
	errs = append(errs, validateAnyTemplate(&s.Template, at.Child("template"))...)
	restart := at.Child("template", "spec", "restartPolicy")
	switch p := s.Template.Spec.RestartPolicy; p {
	case corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever:
	case corev1.RestartPolicyAlways, "":
		errs = append(errs, field.Required(restart, fmt.Sprintf("valid values: %q, %q", corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)))
	default:
		errs = append(errs, field.NotSupported(restart, p, []corev1.RestartPolicy{corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever}))
	}
	return errs
}

// longestCronJobName leaves room for what a controller adds to name a job.
const longestCronJobName = 52

func validateCronJob(c, old *batchv1.CronJob) field.ErrorList {
	spec := field.NewPath("spec")
	errs := validateSchedule(c.Spec.Schedule, spec.Child("schedule"))
	if zone := c.Spec.TimeZone; zone != nil {
		if *zone == "" {
			errs = append(errs, field.Invalid(spec.Child("timeZone"), *zone, "timeZone must be nil or non-empty string"))
		} else if _, err := time.LoadLocation(*zone); err != nil || strings.EqualFold(*zone, "Local") {
			errs = append(errs, field.Invalid(spec.Child("timeZone"), *zone, "unknown time zone "+*zone))
		}
	}
	policies := []batchv1.ConcurrencyPolicy{batchv1.AllowConcurrent, batchv1.ForbidConcurrent, batchv1.ReplaceConcurrent}
	if !slices.Contains(policies, c.Spec.ConcurrencyPolicy) {
		errs = append(errs, field.NotSupported(spec.Child("concurrencyPolicy"), c.Spec.ConcurrencyPolicy, policies))
	}
	errs = append(errs, validateJobSpec(&c.Spec.JobTemplate.Spec, spec.Child("jobTemplate", "spec"))...)
	errs = append(errs, notNegative(c.Spec.SuccessfulJobsHistoryLimit, spec.Child("successfulJobsHistoryLimit"))...)
	errs = append(errs, notNegative(c.Spec.FailedJobsHistoryLimit, spec.Child("failedJobsHistoryLimit"))...)
	if old == nil && len(c.Name) > longestCronJobName {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), c.Name, "must be no more than 52 characters"))
	}
	return errs
}

func validateSchedule(schedule string, at *field.Path) field.ErrorList {
	switch {
	case schedule == "":
		return field.ErrorList{field.Required(at, "")}
	case strings.Contains(schedule, "TZ"):
		return field.ErrorList{field.Invalid(at, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")}
	}
	if _, err := cron.ParseStandard(schedule); err != nil {
		return field.ErrorList{field.Invalid(at, schedule, err.Error())}
	}
	return nil
}
