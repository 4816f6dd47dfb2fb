package delegate

import (
	"maps"
	"math"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// defaultDeployment follows pkg/apis/apps/v1/defaults.go, SetDefaults_Deployment.
func defaultDeployment(d *appsv1.Deployment) {
	setPointer(&d.Spec.Replicas, 1)
	setPointer(&d.Spec.RevisionHistoryLimit, 10)
	setPointer(&d.Spec.ProgressDeadlineSeconds, 600)
	setDefault(&d.Spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
	if d.Spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		setPointer(&d.Spec.Strategy.RollingUpdate, appsv1.RollingUpdateDeployment{})
		setPointer(&d.Spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		setPointer(&d.Spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
	defaultTemplate(&d.Spec.Template.Spec)
}

// defaultStatefulSet follows the same file, SetDefaults_StatefulSet.
func defaultStatefulSet(s *appsv1.StatefulSet) {
	setPointer(&s.Spec.Replicas, 1)
	setPointer(&s.Spec.RevisionHistoryLimit, 10)
	setDefault(&s.Spec.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
	if s.Spec.UpdateStrategy.Type == "" {
		s.Spec.UpdateStrategy.Type = appsv1.RollingUpdateStatefulSetStrategyType
		setPointer(&s.Spec.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateStatefulSetStrategy{})
	}
	if u := s.Spec.UpdateStrategy.RollingUpdate; u != nil && s.Spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		setPointer(&u.Partition, 0)
		setPointer(&u.MaxUnavailable, intstr.FromInt32(1))
	}
	setPointer(&s.Spec.PersistentVolumeClaimRetentionPolicy, appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{})
	setDefault(&s.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	setDefault(&s.Spec.PersistentVolumeClaimRetentionPolicy.WhenScaled, appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
	for i := range s.Spec.VolumeClaimTemplates {
		claim := &s.Spec.VolumeClaimTemplates[i]
		defaultClaim(&claim.Spec)
		setDefault(&claim.Status.Phase, corev1.ClaimPending)
	}
	defaultTemplate(&s.Spec.Template.Spec)
}

func defaultDaemonSet(d *appsv1.DaemonSet) {
	setPointer(&d.Spec.RevisionHistoryLimit, 10)
	setDefault(&d.Spec.UpdateStrategy.Type, appsv1.RollingUpdateDaemonSetStrategyType)
	if d.Spec.UpdateStrategy.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		setPointer(&d.Spec.UpdateStrategy.RollingUpdate, appsv1.RollingUpdateDaemonSet{})
		setPointer(&d.Spec.UpdateStrategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
		setPointer(&d.Spec.UpdateStrategy.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	defaultTemplate(&d.Spec.Template.Spec)
}

// defaultReplicationController follows pkg/apis/core/v1/defaults.go.
func defaultReplicationController(r *corev1.ReplicationController) {
	setPointer(&r.Spec.Replicas, 1)
	if r.Spec.Template == nil {
		return
	}
	if l := r.Spec.Template.Labels; l != nil {
		if len(r.Spec.Selector) == 0 {
			r.Spec.Selector = maps.Clone(l)
		}
		if len(r.Labels) == 0 {
			r.Labels = maps.Clone(l)
		}
	}
	defaultTemplate(&r.Spec.Template.Spec)
}

// defaultJob follows pkg/apis/batch/v1/defaults.go.
func defaultJob(j *batchv1.Job) {
	if j.Spec.Completions == nil && j.Spec.Parallelism == nil {
		setPointer(&j.Spec.Completions, 1)
	}
	setPointer(&j.Spec.Parallelism, 1)
	if j.Spec.BackoffLimitPerIndex != nil {
		setPointer(&j.Spec.BackoffLimit, math.MaxInt32)
	}
	setPointer(&j.Spec.BackoffLimit, 6)
	if len(j.Labels) == 0 && j.Spec.Template.Labels != nil {
		j.Labels = maps.Clone(j.Spec.Template.Labels)
	}
	setPointer(&j.Spec.CompletionMode, batchv1.NonIndexedCompletion)
	setPointer(&j.Spec.Suspend, false)
	if j.Spec.PodFailurePolicy != nil {
		setPointer(&j.Spec.PodReplacementPolicy, batchv1.Failed)
	}
	setPointer(&j.Spec.PodReplacementPolicy, batchv1.TerminatingOrFailed)
	setPointer(&j.Spec.ManualSelector, false)
	defaultTemplate(&j.Spec.Template.Spec)
}

func defaultClaim(p *corev1.PersistentVolumeClaimSpec) {
	setPointer(&p.VolumeMode, corev1.PersistentVolumeFilesystem)
}
