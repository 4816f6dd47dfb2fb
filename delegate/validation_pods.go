package delegate

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	unversionedvalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What a pod may be. Upstream: pkg/apis/core/validation/validation.go, ValidatePodSpec.

var (
	pullPolicies    = []corev1.PullPolicy{corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever}
	restartPolicies = []corev1.RestartPolicy{corev1.RestartPolicyAlways, corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure}
	dnsPolicies     = []corev1.DNSPolicy{corev1.DNSClusterFirst, corev1.DNSClusterFirstWithHostNet, corev1.DNSDefault, corev1.DNSNone}
)

func validatePod(p, old *corev1.Pod) field.ErrorList {
	errs := validatePodSpec(&p.Spec, field.NewPath("spec"))
	if old == nil {
		if len(p.Spec.EphemeralContainers) > 0 {
			errs = append(errs, field.Forbidden(field.NewPath("spec", "ephemeralContainers"), "cannot be set on create"))
		}
		return errs
	}
	return append(errs, validatePodChange(p, old)...)
}

// validatePodChange lets what an update may change differ, and nothing else.
func validatePodChange(p, old *corev1.Pod) field.ErrorList {
	at := field.NewPath("spec")
	if len(p.Spec.Containers) != len(old.Spec.Containers) {
		return field.ErrorList{field.Forbidden(at.Child("containers"), "pod updates may not add or remove containers")}
	}
	if len(p.Spec.InitContainers) != len(old.Spec.InitContainers) {
		return field.ErrorList{field.Forbidden(at.Child("initContainers"), "pod updates may not add or remove containers")}
	}
	var errs field.ErrorList
	left := p.Spec.DeepCopy()
	for i := range left.Containers {
		left.Containers[i].Image = old.Spec.Containers[i].Image
	}
	for i := range left.InitContainers {
		left.InitContainers[i].Image = old.Spec.InitContainers[i].Image
	}
	left.ActiveDeadlineSeconds = old.Spec.ActiveDeadlineSeconds
	left.SchedulingGates = old.Spec.SchedulingGates
	for _, t := range old.Spec.Tolerations {
		if !containsEqual(p.Spec.Tolerations, t) {
			errs = append(errs, field.Forbidden(at.Child("tolerations"), "existing toleration can not be modified except its tolerationSeconds"))
		}
	}
	left.Tolerations = old.Spec.Tolerations
	for _, g := range p.Spec.SchedulingGates {
		if !containsEqual(old.Spec.SchedulingGates, g) {
			errs = append(errs, field.Forbidden(at.Child("schedulingGates").Key(g.Name), "only deletion is allowed, but found new scheduling gate '"+g.Name+"'"))
		}
	}
	if len(old.Spec.SchedulingGates) > 0 {
		left.NodeSelector, left.Affinity = old.Spec.NodeSelector, old.Spec.Affinity
	}
	if !equality.Semantic.DeepEqual(left, &old.Spec) {
		errs = append(errs, field.Forbidden(at, fmt.Sprintf("pod updates may not change fields other than "+
			"`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"+
			"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n%v", diff.Diff(old.Spec, *left))))
	}
	return errs
}

func containsEqual[T any](in []T, want T) bool {
	for i := range in {
		if equality.Semantic.DeepEqual(in[i], want) {
			return true
		}
	}
	return false
}

// validateTemplate checks a template of pods that are started again whenever they end.
func validateTemplate(t *corev1.PodTemplateSpec, at *field.Path, kind string) field.ErrorList {
	errs := validateAnyTemplate(t, at)
	if p := t.Spec.RestartPolicy; p != corev1.RestartPolicyAlways {
		errs = append(errs, field.NotSupported(at.Child("spec", "restartPolicy"), p, []corev1.RestartPolicy{corev1.RestartPolicyAlways}))
	}
	if t.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(at.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in "+kind+" is not Supported"))
	}
	return errs
}

func validateAnyTemplate(t *corev1.PodTemplateSpec, at *field.Path) field.ErrorList {
	errs := unversionedvalidation.ValidateLabels(t.Labels, at.Child("labels"))
	errs = append(errs, apivalidation.ValidateAnnotations(t.Annotations, at.Child("annotations"))...)
	errs = append(errs, validatePodSpec(&t.Spec, at.Child("spec"))...)
	if len(t.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(at.Child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return errs
}

func validatePodSpec(s *corev1.PodSpec, at *field.Path) field.ErrorList {
	volumes, errs := validateVolumes(s.Volumes, at.Child("volumes"))
	if len(s.Containers) == 0 {
		errs = append(errs, field.Required(at.Child("containers"), ""))
	}
	names := sets.New[string]()
	for i := range s.Containers {
		errs = append(errs, validateContainer(&s.Containers[i], names, volumes, at.Child("containers").Index(i))...)
	}
	for i := range s.InitContainers {
		errs = append(errs, validateContainer(&s.InitContainers[i], names, volumes, at.Child("initContainers").Index(i))...)
	}
	if !slices.Contains(restartPolicies, s.RestartPolicy) {
		errs = append(errs, field.NotSupported(at.Child("restartPolicy"), s.RestartPolicy, restartPolicies))
	}
	if !slices.Contains(dnsPolicies, s.DNSPolicy) {
		errs = append(errs, field.NotSupported(at.Child("dnsPolicy"), s.DNSPolicy, dnsPolicies))
	}
	errs = append(errs, unversionedvalidation.ValidateLabels(s.NodeSelector, at.Child("nodeSelector"))...)
	for _, name := range []struct {
		field, value string
		valid        func(string) []string
	}{
		{"serviceAccountName", s.ServiceAccountName, validation.IsDNS1123Subdomain},
		{"nodeName", s.NodeName, validation.IsDNS1123Subdomain},
		{"hostname", s.Hostname, validation.IsDNS1123Label},
		{"subdomain", s.Subdomain, validation.IsDNS1123Label},
		{"priorityClassName", s.PriorityClassName, validation.IsDNS1123Subdomain},
		{"runtimeClassName", stringOf(s.RuntimeClassName), validation.IsDNS1123Subdomain},
	} {
		if name.value == "" {
			continue
		}
		for _, msg := range name.valid(name.value) {
			errs = append(errs, field.Invalid(at.Child(name.field), name.value, msg))
		}
	}
	return errs
}

func stringOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func validateVolumes(volumes []corev1.Volume, at *field.Path) (sets.Set[string], field.ErrorList) {
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range volumes {
		name, at := volumes[i].Name, at.Index(i).Child("name")
		switch msgs := validation.IsDNS1123Label(name); {
		case name == "":
			errs = append(errs, field.Required(at, ""))
		case len(msgs) > 0:
			for _, msg := range msgs {
				errs = append(errs, field.Invalid(at, name, msg))
			}
		case names.Has(name):
			errs = append(errs, field.Duplicate(at, name))
		}
		names.Insert(name)
	}
	return names, errs
}

func validateContainer(c *corev1.Container, names, volumes sets.Set[string], at *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch c.Name {
	case "":
		errs = append(errs, field.Required(at.Child("name"), ""))
	default:
		for _, msg := range validation.IsDNS1123Label(c.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), c.Name, msg))
		}
		if names.Has(c.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
		}
		names.Insert(c.Name)
	}
	if c.Image == "" {
		errs = append(errs, field.Required(at.Child("image"), ""))
	} else if strings.TrimSpace(c.Image) != c.Image {
		errs = append(errs, field.Invalid(at.Child("image"), c.Image, "must not have leading or trailing whitespace"))
	}
	errs = append(errs, validateContainerPorts(c.Ports, at.Child("ports"))...)
	for i := range c.Env {
		name, at := c.Env[i].Name, at.Child("env").Index(i).Child("name")
		if name == "" {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		for _, msg := range validation.IsRelaxedEnvVarName(name) {
			errs = append(errs, field.Invalid(at, name, msg))
		}
	}
	errs = append(errs, validateMounts(c.VolumeMounts, volumes, at.Child("volumeMounts"))...)
	if !slices.Contains(pullPolicies, c.ImagePullPolicy) {
		errs = append(errs, field.NotSupported(at.Child("imagePullPolicy"), c.ImagePullPolicy, pullPolicies))
	}
	return append(errs, validateResources(&c.Resources, at.Child("resources"))...)
}

func validateContainerPorts(ports []corev1.ContainerPort, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range ports {
		p, at := &ports[i], at.Index(i)
		if p.Name != "" {
			msgs := validation.IsValidPortName(p.Name)
			for _, msg := range msgs {
				errs = append(errs, field.Invalid(at.Child("name"), p.Name, msg))
			}
			if len(msgs) == 0 && names.Has(p.Name) {
				errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
			}
			names.Insert(p.Name)
		}
		if p.ContainerPort == 0 {
			errs = append(errs, field.Required(at.Child("containerPort"), ""))
		} else {
			for _, msg := range validation.IsValidPortNum(int(p.ContainerPort)) {
				errs = append(errs, field.Invalid(at.Child("containerPort"), p.ContainerPort, msg))
			}
		}
		if !slices.Contains(protocols, p.Protocol) {
			errs = append(errs, field.NotSupported(at.Child("protocol"), p.Protocol, protocols))
		}
	}
	return errs
}

func validateMounts(mounts []corev1.VolumeMount, volumes sets.Set[string], at *field.Path) field.ErrorList {
	var errs field.ErrorList
	paths := sets.New[string]()
	for i := range mounts {
		m, at := &mounts[i], at.Index(i)
		if m.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		if !volumes.Has(m.Name) {
			errs = append(errs, field.NotFound(at.Child("name"), m.Name))
		}
		if m.MountPath == "" {
			errs = append(errs, field.Required(at.Child("mountPath"), ""))
		}
		if paths.Has(m.MountPath) {
			errs = append(errs, field.Invalid(at.Child("mountPath"), m.MountPath, "must be unique"))
		}
		paths.Insert(m.MountPath)
	}
	return errs
}

func validateEphemeralContainers(s *corev1.PodSpec, at *field.Path) field.ErrorList {
	volumes, _ := validateVolumes(s.Volumes, at)
	names := sets.New[string]()
	for i := range s.Containers {
		names.Insert(s.Containers[i].Name)
	}
	for i := range s.InitContainers {
		names.Insert(s.InitContainers[i].Name)
	}
	var errs field.ErrorList
	for i := range s.EphemeralContainers {
		e, at := &s.EphemeralContainers[i], at.Index(i)
		c := corev1.Container(e.EphemeralContainerCommon)
		errs = append(errs, validateContainer(&c, names, volumes, at)...)
		if len(e.Ports) > 0 {
			errs = append(errs, field.Forbidden(at.Child("ports"), "cannot be set for an Ephemeral Container"))
		}
		if len(e.Resources.Limits)+len(e.Resources.Requests) > 0 {
			errs = append(errs, field.Forbidden(at.Child("resources"), "cannot be set for an Ephemeral Container"))
		}
	}
	return errs
}
