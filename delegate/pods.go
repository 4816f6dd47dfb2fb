package delegate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// podGrace decides how long a deleted pod stays: what the request says, else the pod, and not at all
// where no kubelet would have to stop it. Upstream: pkg/registry/core/pod/strategy.go,
// CheckGracefulDelete.
func podGrace(obj runtime.Object, options *metav1.DeleteOptions) bool {
	pod, ok := obj.(*corev1.Pod)
	if !ok || options == nil {
		return false
	}
	period := ptr.Deref(options.GracePeriodSeconds, ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, 0))
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		period = 0
	}
	if period < 0 {
		period = 1
	}
	options.GracePeriodSeconds = &period
	return true
}

// preparePodStatus keeps what a kubelet may not change. Upstream: the same file, podStatusStrategy.
func preparePodStatus(p, old *corev1.Pod) {
	p.DeletionTimestamp = nil
	setDefault(&p.Status.QOSClass, old.Status.QOSClass)
	setDefault(&p.Status.ObservedGeneration, old.Status.ObservedGeneration)
	if p.Status.ResourceClaimStatuses == nil {
		p.Status.ResourceClaimStatuses = old.Status.ResourceClaimStatuses
	}
	if len(p.Status.PodIP) > 0 && len(p.Status.PodIPs) == 0 {
		p.Status.PodIPs = []corev1.PodIP{{IP: p.Status.PodIP}}
	}
}

// podParts are the subresources that write a part of a pod.
func podParts() []part {
	return []part{
		{
			name:     "ephemeralcontainers",
			prepare:  pair(prepareEphemeral),
			validate: checking(validateEphemeral),
			reset:    []fieldpath.Path{fieldpath.MakePathOrDie("status")},
		},
		{
			name:     "resize",
			prepare:  pair(prepareResize),
			validate: checking(validateResize),
			reset:    []fieldpath.Path{fieldpath.MakePathOrDie("status")},
		},
	}
}

func prepareEphemeral(p, old *corev1.Pod) {
	containers := p.Spec.EphemeralContainers
	p.Spec, p.Status = *old.Spec.DeepCopy(), old.Status
	p.Spec.EphemeralContainers = containers
	keepMeta(p, old)
}

// validateEphemeral lets containers be added, and none be changed or taken away.
func validateEphemeral(p, old *corev1.Pod) field.ErrorList {
	at := field.NewPath("spec", "ephemeralContainers")
	errs := validateEphemeralContainers(&p.Spec, at)
	byName := map[string]*corev1.EphemeralContainer{}
	for i := range p.Spec.EphemeralContainers {
		byName[p.Spec.EphemeralContainers[i].Name] = &p.Spec.EphemeralContainers[i]
	}
	for i := range old.Spec.EphemeralContainers {
		before := &old.Spec.EphemeralContainers[i]
		switch now := byName[before.Name]; {
		case now == nil:
			errs = append(errs, field.Forbidden(at, "existing ephemeral containers \""+before.Name+"\" may not be removed\n"))
		case !equality.Semantic.DeepEqual(before, now):
			errs = append(errs, field.Forbidden(at, "existing ephemeral containers \""+before.Name+"\" may not be changed\n"))
		}
	}
	return errs
}

func prepareResize(p, old *corev1.Pod) {
	if len(p.Spec.Containers) != len(old.Spec.Containers) || len(p.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return // validateResize names what is wrong
	}
	sent := p.Spec
	p.Spec, p.Status = *old.Spec.DeepCopy(), old.Status
	keepMeta(p, old)
	p.Spec.Resources = sent.Resources
	takeResources(p.Spec.Containers, sent.Containers)
	takeResources(p.Spec.InitContainers, sent.InitContainers)
}

func takeResources(into, from []corev1.Container) {
	for i := range into {
		j := slices.IndexFunc(from, func(c corev1.Container) bool { return c.Name == into[i].Name })
		if j >= 0 {
			into[i].Resources, into[i].ResizePolicy = from[j].Resources, from[j].ResizePolicy
		}
	}
}

func validateResize(p, old *corev1.Pod) field.ErrorList {
	spec := field.NewPath("spec")
	if len(p.Spec.Containers) != len(old.Spec.Containers) {
		return field.ErrorList{field.Forbidden(spec.Child("containers"), "containers may not be added or removed on resize")}
	}
	if len(p.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return field.ErrorList{field.Forbidden(spec.Child("initContainers"), "initContainers may not be added or removed on resize")}
	}
	var errs field.ErrorList
	for i := range p.Spec.Containers {
		errs = append(errs, validateResources(&p.Spec.Containers[i].Resources, spec.Child("containers").Index(i).Child("resources"))...)
	}
	if podQOS(&p.Spec) != old.Status.QOSClass && old.Status.QOSClass != "" {
		errs = append(errs, field.Invalid(field.NewPath("metadata"), old.Status.QOSClass, "Pod QOS Class may not change as a result of resizing"))
	}
	return errs
}

// podQOS is the quality of service that a pod's requests and limits of CPU and memory give it. Upstream:
// pkg/apis/core/v1/helper/qos.
func podQOS(s *corev1.PodSpec) corev1.PodQOSClass {
	guaranteed, any := true, false
	for _, c := range slices.Concat(s.InitContainers, s.Containers) {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			request, limit := c.Resources.Requests[name], c.Resources.Limits[name]
			any = any || !request.IsZero() || !limit.IsZero()
			guaranteed = guaranteed && !limit.IsZero() && request.Cmp(limit) == 0
		}
	}
	switch {
	case !any:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	default:
		return corev1.PodQOSBurstable
	}
}
