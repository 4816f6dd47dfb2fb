package delegate

import (
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// defaultAutoscaler follows pkg/apis/autoscaling/v2/defaults.go.
func defaultAutoscaler(h *autoscalingv2.HorizontalPodAutoscaler) {
	setPointer(&h.Spec.MinReplicas, 1)
	if len(h.Spec.Metrics) == 0 {
		h.Spec.Metrics = []autoscalingv2.MetricSpec{cpuMetric(defaultUtilization)}
	}
	b := h.Spec.Behavior
	if b == nil {
		return
	}
	setPointer(&b.ScaleUp, autoscalingv2.HPAScalingRules{})
	setPointer(&b.ScaleUp.StabilizationWindowSeconds, 0)
	setPointer(&b.ScaleUp.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	if b.ScaleUp.Policies == nil {
		b.ScaleUp.Policies = []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
			{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
		}
	}
	setPointer(&b.ScaleDown, autoscalingv2.HPAScalingRules{})
	setPointer(&b.ScaleDown.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	if b.ScaleDown.Policies == nil {
		b.ScaleDown.Policies = []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}}
	}
}

// validateAutoscaler follows pkg/apis/autoscaling/validation/validation.go.
func validateAutoscaler(h, _ *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	spec := field.NewPath("spec")
	var errs field.ErrorList
	if least := ptr.Deref(h.Spec.MinReplicas, 1); least < 0 {
		errs = append(errs, field.Invalid(spec.Child("minReplicas"), least, "must be greater than or equal to 0"))
	}
	switch most := h.Spec.MaxReplicas; {
	case most == 0:
		errs = append(errs, field.Required(spec.Child("maxReplicas"), "must be set and greater than 0"))
	case most < 0:
		errs = append(errs, field.Invalid(spec.Child("maxReplicas"), most, "must be greater than or equal to 1"))
	}
	if h.Spec.MinReplicas != nil && h.Spec.MaxReplicas < *h.Spec.MinReplicas {
		errs = append(errs, field.Invalid(spec.Child("maxReplicas"), h.Spec.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	target := spec.Child("scaleTargetRef")
	for _, f := range []struct{ name, value string }{{"kind", h.Spec.ScaleTargetRef.Kind}, {"name", h.Spec.ScaleTargetRef.Name}} {
		if f.value == "" {
			errs = append(errs, field.Required(target.Child(f.name), ""))
			continue
		}
		for _, msg := range content.IsPathSegmentName(f.value) {
			errs = append(errs, field.Invalid(target.Child(f.name), f.value, msg))
		}
	}
	for i := range h.Spec.Metrics {
		errs = append(errs, validateMetric(&h.Spec.Metrics[i], spec.Child("metrics").Index(i))...)
	}
	return errs
}

func validateMetric(m *autoscalingv2.MetricSpec, at *field.Path) field.ErrorList {
	sources := map[autoscalingv2.MetricSourceType]struct {
		name string
		set  bool
	}{
		autoscalingv2.ObjectMetricSourceType:            {"object", m.Object != nil},
		autoscalingv2.PodsMetricSourceType:              {"pods", m.Pods != nil},
		autoscalingv2.ResourceMetricSourceType:          {"resource", m.Resource != nil},
		autoscalingv2.ContainerResourceMetricSourceType: {"containerResource", m.ContainerResource != nil},
		autoscalingv2.ExternalMetricSourceType:          {"external", m.External != nil},
	}
	if m.Type == "" {
		return field.ErrorList{field.Required(at.Child("type"), "must specify a metric source type")}
	}
	source, known := sources[m.Type]
	if !known {
		return field.ErrorList{field.NotSupported(at.Child("type"), m.Type, []autoscalingv2.MetricSourceType{
			autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.ExternalMetricSourceType, autoscalingv2.ObjectMetricSourceType,
			autoscalingv2.PodsMetricSourceType, autoscalingv2.ResourceMetricSourceType,
		})}
	}
	if !source.set {
		return field.ErrorList{field.Required(at.Child(source.name), "must populate information for the given metric source")}
	}
	return nil
}

// metricsText is the column of what an autoscaler aims at: two metrics, and how many more. Upstream:
// pkg/printers/internalversion/printers.go, formatHPAMetrics.
func metricsText(specs []autoscalingv2.MetricSpec, statuses []autoscalingv2.MetricStatus) string {
	if len(specs) == 0 {
		return none
	}
	out := make([]string, 0, len(specs))
	for i := range specs {
		var status autoscalingv2.MetricStatus
		if i < len(statuses) {
			status = statuses[i]
		}
		out = append(out, metricText(&specs[i], &status))
	}
	const most = 2
	if len(out) > most {
		return fmt.Sprintf("%s + %d more...", strings.Join(out[:most], ", "), len(out)-most)
	}
	return strings.Join(out, ", ")
}

func metricText(m *autoscalingv2.MetricSpec, s *autoscalingv2.MetricStatus) string {
	switch {
	case m.External != nil:
		return valueText(&m.External.Target, currentOf(s.External, func(e *autoscalingv2.ExternalMetricStatus) autoscalingv2.MetricValueStatus { return e.Current }))
	case m.Object != nil:
		return valueText(&m.Object.Target, currentOf(s.Object, func(o *autoscalingv2.ObjectMetricStatus) autoscalingv2.MetricValueStatus { return o.Current }))
	case m.Pods != nil:
		current := currentOf(s.Pods, func(p *autoscalingv2.PodsMetricStatus) autoscalingv2.MetricValueStatus { return p.Current })
		return quantityText(current.AverageValue) + "/" + quantityText(m.Pods.Target.AverageValue)
	case m.Resource != nil:
		current := currentOf(s.Resource, func(r *autoscalingv2.ResourceMetricStatus) autoscalingv2.MetricValueStatus { return r.Current })
		return m.Resource.Name.String() + ": " + utilizationText(&m.Resource.Target, current)
	case m.ContainerResource != nil:
		current := currentOf(s.ContainerResource, func(r *autoscalingv2.ContainerResourceMetricStatus) autoscalingv2.MetricValueStatus { return r.Current })
		return m.ContainerResource.Name.String() + ": " + utilizationText(&m.ContainerResource.Target, current)
	default:
		return "<unknown type>"
	}
}

func currentOf[T any](status *T, current func(*T) autoscalingv2.MetricValueStatus) autoscalingv2.MetricValueStatus {
	if status == nil {
		return autoscalingv2.MetricValueStatus{}
	}
	return current(status)
}

func valueText(t *autoscalingv2.MetricTarget, current autoscalingv2.MetricValueStatus) string {
	if t.AverageValue != nil {
		return quantityText(current.AverageValue) + "/" + t.AverageValue.String() + " (avg)"
	}
	return quantityText(current.Value) + "/" + quantityText(t.Value)
}

func utilizationText(t *autoscalingv2.MetricTarget, current autoscalingv2.MetricValueStatus) string {
	if t.AverageValue != nil {
		return quantityText(current.AverageValue) + "/" + t.AverageValue.String()
	}
	percent := func(p *int32, otherwise string) string {
		if p == nil {
			return otherwise
		}
		return fmt.Sprintf("%d%%", *p)
	}
	return percent(current.AverageUtilization, unknown) + "/" + percent(t.AverageUtilization, "<auto>")
}

func quantityText(q *resource.Quantity) string {
	if q == nil {
		return unknown
	}
	return q.String()
}
