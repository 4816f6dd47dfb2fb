package delegate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/apiserver/pkg/registry/rest"
)

// podsOf are the last columns of every kind with a template of pods.
func podsOf[T any](template func(*T) *corev1.PodTemplateSpec) []column {
	return []column{
		wide("Containers", of(func(o *T) any { return containersOf(template(o), containerName) })),
		wide("Images", of(func(o *T) any { return containersOf(template(o), containerImage) })),
	}
}

// containersOf lists something of each container; a template may be absent.
func containersOf(template *corev1.PodTemplateSpec, value func(*corev1.Container) string) string {
	if template == nil {
		return ""
	}
	out := make([]string, 0, len(template.Spec.Containers))
	for i := range template.Spec.Containers {
		out = append(out, value(&template.Spec.Containers[i]))
	}
	return strings.Join(out, ",")
}

func containerName(c *corev1.Container) string { return c.Name }

func containerImage(c *corev1.Container) string { return c.Image }

// selects is the column of a label selector.
func selects[T any](selector func(*T) *metav1.LabelSelector) column {
	return wide("Selector", of(func(o *T) any { return metav1.FormatLabelSelector(selector(o)) }))
}

// count shows how many are wanted: one where nobody says.
func count(p *int32) int64 {
	if p == nil {
		return 1
	}
	return int64(*p)
}

func workloadRows() []row {
	gv := appsv1.SchemeGroupVersion
	return append([]row{
		{
			gv: gv, object: &appsv1.Deployment{}, list: &appsv1.DeploymentList{}, resource: "deployments",
			short: []string{"deploy"}, categories: all, status: true, generation: true, defaults: defaulting(defaultDeployment), validate: checking(validateDeployment),
			scale: scales(func(o *appsv1.Deployment) (scaling, error) {
				selector, err := selected(o.Spec.Selector)
				return scaling{&o.Spec.Replicas, o.Status.Replicas, selector}, err
			}),
			columns: append([]column{
				text("Ready", of(func(d *appsv1.Deployment) any {
					return fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, count(d.Spec.Replicas))
				})),
				text("Up-to-date", of(func(d *appsv1.Deployment) any { return strconv.Itoa(int(d.Status.UpdatedReplicas)) })),
				text("Available", of(func(d *appsv1.Deployment) any { return strconv.Itoa(int(d.Status.AvailableReplicas)) })),
				age(),
			}, append(podsOf(func(d *appsv1.Deployment) *corev1.PodTemplateSpec { return &d.Spec.Template }),
				selects(func(d *appsv1.Deployment) *metav1.LabelSelector { return d.Spec.Selector }))...),
		},
		{
			gv: gv, object: &appsv1.ReplicaSet{}, list: &appsv1.ReplicaSetList{}, resource: "replicasets",
			short: []string{"rs"}, categories: all, status: true, generation: true,
			defaults: defaulting(func(r *appsv1.ReplicaSet) {
				setPointer(&r.Spec.Replicas, 1)
				defaultTemplate(&r.Spec.Template.Spec)
			}),
			validate: checking(validateReplicaSet),
			scale: scales(func(o *appsv1.ReplicaSet) (scaling, error) {
				selector, err := selected(o.Spec.Selector)
				return scaling{&o.Spec.Replicas, o.Status.Replicas, selector}, err
			}),
			selectors: []selector{{"status.replicas", of(func(r *appsv1.ReplicaSet) string { return strconv.Itoa(int(r.Status.Replicas)) })}},
			columns: append([]column{
				integer("Desired", of(func(r *appsv1.ReplicaSet) any { return count(r.Spec.Replicas) })),
				integer("Current", of(func(r *appsv1.ReplicaSet) any { return int64(r.Status.Replicas) })),
				integer("Ready", of(func(r *appsv1.ReplicaSet) any { return int64(r.Status.ReadyReplicas) })),
				age(),
			}, append(podsOf(func(r *appsv1.ReplicaSet) *corev1.PodTemplateSpec { return &r.Spec.Template }),
				selects(func(r *appsv1.ReplicaSet) *metav1.LabelSelector { return r.Spec.Selector }))...),
		},
	}, namedWorkloadRows()...)
}

// namedWorkloadRows are the workloads whose pods have names or nodes of their own, and their history.
func namedWorkloadRows() []row {
	gv := appsv1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &appsv1.StatefulSet{}, list: &appsv1.StatefulSetList{}, resource: "statefulsets",
			short: []string{"sts"}, categories: all, status: true, generation: true, defaults: defaulting(defaultStatefulSet), validate: checking(validateStatefulSet),
			scale: scales(func(o *appsv1.StatefulSet) (scaling, error) {
				selector, err := selected(o.Spec.Selector)
				return scaling{&o.Spec.Replicas, o.Status.Replicas, selector}, err
			}),
			columns: append([]column{
				text("Ready", of(func(s *appsv1.StatefulSet) any {
					return fmt.Sprintf("%d/%d", s.Status.ReadyReplicas, count(s.Spec.Replicas))
				})),
				age(),
			}, podsOf(func(s *appsv1.StatefulSet) *corev1.PodTemplateSpec { return &s.Spec.Template })...),
		},
		{
			gv: gv, object: &appsv1.DaemonSet{}, list: &appsv1.DaemonSetList{}, resource: "daemonsets",
			short: []string{"ds"}, categories: all, status: true, generation: true,
			defaults: defaulting(defaultDaemonSet), validate: checking(validateDaemonSet),
			columns: append([]column{
				integer("Desired", of(func(d *appsv1.DaemonSet) any { return int64(d.Status.DesiredNumberScheduled) })),
				integer("Current", of(func(d *appsv1.DaemonSet) any { return int64(d.Status.CurrentNumberScheduled) })),
				integer("Ready", of(func(d *appsv1.DaemonSet) any { return int64(d.Status.NumberReady) })),
				integer("Up-to-date", of(func(d *appsv1.DaemonSet) any { return int64(d.Status.UpdatedNumberScheduled) })),
				integer("Available", of(func(d *appsv1.DaemonSet) any { return int64(d.Status.NumberAvailable) })),
				text("Node Selector", of(func(d *appsv1.DaemonSet) any { return labels.FormatLabels(d.Spec.Template.Spec.NodeSelector) })),
				age(),
			}, append(podsOf(func(d *appsv1.DaemonSet) *corev1.PodTemplateSpec { return &d.Spec.Template }),
				selects(func(d *appsv1.DaemonSet) *metav1.LabelSelector { return d.Spec.Selector }))...),
		},
		{
			gv: gv, object: &appsv1.ControllerRevision{}, list: &appsv1.ControllerRevisionList{}, resource: "controllerrevisions",
			columns: []column{
				text("Controller", of(func(c *appsv1.ControllerRevision) any {
					if owner := metav1.GetControllerOf(c); owner != nil {
						return owner.Kind + "/" + owner.Name
					}
					return none
				})),
				text("Revision", of(func(c *appsv1.ControllerRevision) any { return c.Revision })),
			},
		},
	}
}

func batchRows() []row {
	gv := batchv1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &batchv1.Job{}, list: &batchv1.JobList{}, resource: "jobs",
			categories: all, status: true, generation: true, defaults: defaulting(defaultJob), dependents: rest.OrphanDependents,
			prepare: pair(prepareJob), validate: checking(validateJob),
			selectors: []selector{{"status.successful", of(func(j *batchv1.Job) string { return strconv.Itoa(int(j.Status.Succeeded)) })}},
			columns: append([]column{
				text("Status", of(jobStatus)),
				text("Completions", of(func(j *batchv1.Job) any {
					return fmt.Sprintf("%d/%d", j.Status.Succeeded, count(j.Spec.Completions))
				})),
				text("Duration", of(jobDuration)),
				age(),
			}, append(podsOf(func(j *batchv1.Job) *corev1.PodTemplateSpec { return &j.Spec.Template }),
				selects(func(j *batchv1.Job) *metav1.LabelSelector { return j.Spec.Selector }))...),
		},
		{
			gv: gv, object: &batchv1.CronJob{}, list: &batchv1.CronJobList{}, resource: "cronjobs",
			short: []string{"cj"}, categories: all, status: true, generation: true,
			validate: checking(validateCronJob),
			defaults: defaulting(func(c *batchv1.CronJob) {
				setDefault(&c.Spec.ConcurrencyPolicy, batchv1.AllowConcurrent)
				setPointer(&c.Spec.Suspend, false)
				setPointer(&c.Spec.SuccessfulJobsHistoryLimit, 3)
				setPointer(&c.Spec.FailedJobsHistoryLimit, 1)
				defaultTemplate(&c.Spec.JobTemplate.Spec.Template.Spec)
			}),
			columns: append([]column{
				text("Schedule", of(func(c *batchv1.CronJob) any { return c.Spec.Schedule })),
				text("Timezone", of(func(c *batchv1.CronJob) any { return pointed(c.Spec.TimeZone, none) })),
				{name: "Suspend", kind: "boolean", value: of(func(c *batchv1.CronJob) any { return strconv.FormatBool(c.Spec.Suspend != nil && *c.Spec.Suspend) })},
				integer("Active", of(func(c *batchv1.CronJob) any { return int64(len(c.Status.Active)) })),
				text("Last Schedule", of(func(c *batchv1.CronJob) any {
					if c.Status.LastScheduleTime == nil {
						return none
					}
					return since(*c.Status.LastScheduleTime)
				})),
				age(),
			}, append(podsOf(func(c *batchv1.CronJob) *corev1.PodTemplateSpec { return &c.Spec.JobTemplate.Spec.Template }),
				wide("Selector", of(func(c *batchv1.CronJob) any { return metav1.FormatLabelSelector(c.Spec.JobTemplate.Spec.Selector) })))...),
		},
	}
}

func jobDuration(j *batchv1.Job) any {
	switch {
	case j.Status.StartTime == nil:
		return ""
	case j.Status.CompletionTime == nil:
		return duration.HumanDuration(time.Since(j.Status.StartTime.Time))
	default:
		return duration.HumanDuration(j.Status.CompletionTime.Sub(j.Status.StartTime.Time))
	}
}

func jobStatus(j *batchv1.Job) any {
	for _, c := range j.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete, batchv1.JobFailed, batchv1.JobSuspended:
			return string(c.Type)
		case batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet:
		}
	}
	if j.DeletionTimestamp != nil {
		return "Terminating"
	}
	return "Running"
}
