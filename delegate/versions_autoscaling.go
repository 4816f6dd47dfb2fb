package delegate

import (
	"encoding/json"
	"fmt"
	"maps"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// What autoscaling/v1 has no field for is carried by these annotations of its objects.
const (
	hpaMetrics    = "autoscaling.alpha.kubernetes.io/metrics"
	hpaCurrent    = "autoscaling.alpha.kubernetes.io/current-metrics"
	hpaConditions = "autoscaling.alpha.kubernetes.io/conditions"
	hpaBehavior   = "autoscaling.alpha.kubernetes.io/behavior"
)

// defaultUtilization is the CPU utilization that an autoscaler without metrics aims at.
const defaultUtilization = 80

// autoscalerV1 serves HorizontalPodAutoscalers as autoscaling/v1.
func autoscalerV1() otherVersion {
	return otherVersion{
		gv: autoscalingv1.SchemeGroupVersion, object: &autoscalingv1.HorizontalPodAutoscaler{}, list: &autoscalingv1.HorizontalPodAutoscalerList{},
		defaults: defaulting(func(h *autoscalingv1.HorizontalPodAutoscaler) { setPointer(&h.Spec.MinReplicas, 1) }),
		register: func(s *runtime.Scheme) {
			converts(s, autoscalerToV2, autoscalerFromV2,
				func(l *autoscalingv1.HorizontalPodAutoscalerList) *[]autoscalingv1.HorizontalPodAutoscaler {
					return &l.Items
				},
				func(l *autoscalingv2.HorizontalPodAutoscalerList) *[]autoscalingv2.HorizontalPodAutoscaler {
					return &l.Items
				})
		},
	}
}

// autoscalerToV2 follows pkg/apis/autoscaling/v1/conversion.go,
// Convert_v1_HorizontalPodAutoscaler_To_autoscaling_HorizontalPodAutoscaler.
func autoscalerToV2(in *autoscalingv1.HorizontalPodAutoscaler, out *autoscalingv2.HorizontalPodAutoscaler) error {
	*out = autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: in.ObjectMeta,
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
			MinReplicas:    in.Spec.MinReplicas, MaxReplicas: in.Spec.MaxReplicas,
		},
		Status: autoscalingv2.HorizontalPodAutoscalerStatus{
			ObservedGeneration: in.Status.ObservedGeneration, LastScaleTime: in.Status.LastScaleTime,
			CurrentReplicas: in.Status.CurrentReplicas, DesiredReplicas: in.Status.DesiredReplicas,
		},
	}
	if percent := in.Status.CurrentCPUUtilizationPercentage; percent != nil {
		out.Status.CurrentMetrics = []autoscalingv2.MetricStatus{{
			Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricStatus{
				Name: corev1.ResourceCPU, Current: autoscalingv2.MetricValueStatus{AverageUtilization: new(*percent)},
			},
		}}
	}
	// What cannot be read is left out, as upstream does: the annotations are anybody's to write.
	var metrics []autoscalingv1.MetricSpec
	if carried(in.Annotations, hpaMetrics, &metrics) {
		for i := range metrics {
			out.Spec.Metrics = append(out.Spec.Metrics, metricToV2(&metrics[i]))
		}
	}
	if percent := in.Spec.TargetCPUUtilizationPercentage; percent != nil {
		out.Spec.Metrics = append(out.Spec.Metrics, cpuMetric(*percent))
	}
	if len(out.Spec.Metrics) == 0 {
		out.Spec.Metrics = []autoscalingv2.MetricSpec{cpuMetric(defaultUtilization)}
	}
	var behavior autoscalingv2.HorizontalPodAutoscalerBehavior
	if carried(in.Annotations, hpaBehavior, &behavior) && (behavior.ScaleUp != nil || behavior.ScaleDown != nil) {
		out.Spec.Behavior = &behavior
	}
	var current []autoscalingv1.MetricStatus
	if carried(in.Annotations, hpaCurrent, &current) {
		out.Status.CurrentMetrics = make([]autoscalingv2.MetricStatus, len(current))
		for i := range current {
			out.Status.CurrentMetrics[i] = metricStatusToV2(&current[i])
		}
	}
	var conditions []autoscalingv2.HorizontalPodAutoscalerCondition
	if carried(in.Annotations, hpaConditions, &conditions) {
		out.Status.Conditions = conditions
	}
	out.Annotations = withoutCarried(out.Annotations)
	return nil
}

// autoscalerFromV2 is the way back.
func autoscalerFromV2(in *autoscalingv2.HorizontalPodAutoscaler, out *autoscalingv1.HorizontalPodAutoscaler) error {
	*out = autoscalingv1.HorizontalPodAutoscaler{
		ObjectMeta: in.ObjectMeta,
		Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv1.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
			MinReplicas:    in.Spec.MinReplicas, MaxReplicas: in.Spec.MaxReplicas,
		},
		Status: autoscalingv1.HorizontalPodAutoscalerStatus{
			ObservedGeneration: in.Status.ObservedGeneration, LastScaleTime: in.Status.LastScaleTime,
			CurrentReplicas: in.Status.CurrentReplicas, DesiredReplicas: in.Status.DesiredReplicas,
		},
	}
	var others []autoscalingv1.MetricSpec
	for i := range in.Spec.Metrics {
		m := &in.Spec.Metrics[i]
		if m.Type != autoscalingv2.ResourceMetricSourceType || m.Resource == nil || m.Resource.Name != corev1.ResourceCPU || m.Resource.Target.AverageUtilization == nil {
			others = append(others, metricFromV2(m))
		} else if out.Spec.TargetCPUUtilizationPercentage == nil {
			out.Spec.TargetCPUUtilizationPercentage = new(*m.Resource.Target.AverageUtilization)
		}
	}
	current := make([]autoscalingv1.MetricStatus, 0, len(in.Status.CurrentMetrics))
	for i := range in.Status.CurrentMetrics {
		m := &in.Status.CurrentMetrics[i]
		if m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil && m.Resource.Name == corev1.ResourceCPU && m.Resource.Current.AverageUtilization != nil {
			out.Status.CurrentCPUUtilizationPercentage = new(*m.Resource.Current.AverageUtilization)
		}
		current = append(current, metricStatusFromV2(m))
	}
	carry := map[string]any{}
	if len(others) > 0 {
		carry[hpaMetrics] = others
	}
	if len(current) > 0 {
		carry[hpaCurrent] = current
	}
	if in.Spec.Behavior != nil {
		carry[hpaBehavior] = in.Spec.Behavior
	}
	if len(in.Status.Conditions) > 0 {
		carry[hpaConditions] = in.Status.Conditions
	}
	out.Annotations = withoutCarried(out.Annotations)
	if len(carry) > 0 {
		out.Annotations = maps.Clone(out.Annotations) // the object that is converted is not ours to change
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
	}
	for name, value := range carry {
		data, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("converting HorizontalPodAutoscaler %s to autoscaling/v1: %w", in.Name, err)
		}
		out.Annotations[name] = string(data)
	}
	return nil
}

func carried(annotations map[string]string, name string, into any) bool {
	data, ok := annotations[name]
	return ok && json.Unmarshal([]byte(data), into) == nil
}

// withoutCarried copies annotations if one of them has to go.
func withoutCarried(annotations map[string]string) map[string]string {
	copied := false
	for _, name := range []string{hpaMetrics, hpaCurrent, hpaConditions, hpaBehavior} {
		if _, ok := annotations[name]; !ok {
			continue
		}
		if !copied {
			annotations, copied = maps.Clone(annotations), true
		}
		delete(annotations, name)
	}
	if len(annotations) == 0 && copied {
		return nil
	}
	return annotations
}

func cpuMetric(percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
			Name:   corev1.ResourceCPU,
			Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: &percent},
		},
	}
}
