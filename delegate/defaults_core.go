package delegate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// setDefault fills *p when it is its type's zero value.
func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// setPointer fills *p when it is nil.
func setPointer[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}

func defaultSecret(s *corev1.Secret) { setDefault(&s.Type, corev1.SecretTypeOpaque) }

// prepareSecret moves stringData, which is write only, into data.
func prepareSecret(s, _ *corev1.Secret) {
	if len(s.StringData) > 0 && s.Data == nil {
		s.Data = map[string][]byte{}
	}
	for k, v := range s.StringData {
		s.Data[k] = []byte(v)
	}
	s.StringData = nil
}

func defaultNamespace(n *corev1.Namespace) {
	setDefault(&n.Status.Phase, corev1.NamespaceActive)
	if n.Name == "" {
		return // a generated name is not known yet; prepareNamespace labels it
	}
	labelNamespace(n)
}

func labelNamespace(n *corev1.Namespace) {
	if n.Labels == nil {
		n.Labels = map[string]string{}
	}
	n.Labels[corev1.LabelMetadataName] = n.Name
}

func prepareNamespace(n, old *corev1.Namespace) {
	if old != nil {
		// Only /finalize may change them.
		n.Spec.Finalizers = old.Spec.Finalizers
		return
	}
	n.Status = corev1.NamespaceStatus{Phase: corev1.NamespaceActive}
	if !slices.Contains(n.Spec.Finalizers, corev1.FinalizerKubernetes) {
		n.Spec.Finalizers = append(n.Spec.Finalizers, corev1.FinalizerKubernetes)
	}
	if n.Name != "" {
		labelNamespace(n)
	}
}

// defaultService follows pkg/apis/core/v1/defaults.go, SetDefaults_Service.
func defaultService(s *corev1.Service) {
	setDefault(&s.Spec.SessionAffinity, corev1.ServiceAffinityNone)
	setDefault(&s.Spec.Type, corev1.ServiceTypeClusterIP)
	if s.Spec.SessionAffinity == corev1.ServiceAffinityClientIP && s.Spec.SessionAffinityConfig == nil {
		s.Spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{
			ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To(corev1.DefaultClientIPServiceAffinitySeconds)},
		}
	}
	for i := range s.Spec.Ports {
		p := &s.Spec.Ports[i]
		setDefault(&p.Protocol, corev1.ProtocolTCP)
		if p.TargetPort == intstr.FromInt32(0) || p.TargetPort == intstr.FromString("") {
			p.TargetPort = intstr.FromInt32(p.Port)
		}
	}
	if s.Spec.Type != corev1.ServiceTypeExternalName {
		setPointer(&s.Spec.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster)
	}
	if s.Spec.Type == corev1.ServiceTypeNodePort || s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		setDefault(&s.Spec.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster)
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
		setPointer(&s.Spec.AllocateLoadBalancerNodePorts, true)
	}
}

// defaultLimitRange follows the same file, SetDefaults_LimitRangeItem.
func defaultLimitRange(l *corev1.LimitRange) {
	fill := func(into *corev1.ResourceList, from corev1.ResourceList) {
		if *into == nil {
			*into = corev1.ResourceList{}
		}
		for name, q := range from {
			if _, set := (*into)[name]; !set {
				(*into)[name] = q.DeepCopy()
			}
		}
	}
	for i := range l.Spec.Limits {
		item := &l.Spec.Limits[i]
		if item.Type == corev1.LimitTypeContainer {
			fill(&item.Default, item.Max)
			fill(&item.DefaultRequest, item.Default)
			fill(&item.DefaultRequest, item.Min)
		}
	}
}

func defaultEndpoints(e *corev1.Endpoints) { //nolint:staticcheck // served as long as upstream does
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			setDefault(&e.Subsets[i].Ports[j].Protocol, corev1.ProtocolTCP)
		}
	}
}

func defaultEndpointSlice(e *discoveryv1.EndpointSlice) {
	for i := range e.Ports {
		setPointer(&e.Ports[i].Name, "")
		setPointer(&e.Ports[i].Protocol, corev1.ProtocolTCP)
	}
}

// selectEverything is what an absent selector of a webhook or a policy means.
func selectEverything(p **metav1.LabelSelector) { setPointer(p, metav1.LabelSelector{}) }
