package delegate

import (
	"strconv"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func networkRows() []row {
	gv := networkingv1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &networkingv1.Ingress{}, list: &networkingv1.IngressList{}, resource: "ingresses",
			short: []string{"ing"}, status: true, generation: true, columns: ingressColumns(), validate: checking(validateIngress),
		},
		{
			gv: gv, object: &networkingv1.IngressClass{}, list: &networkingv1.IngressClassList{}, resource: "ingressclasses",
			cluster: true, generation: true, validate: checking(validateIngressClass),
			defaults: defaulting(func(c *networkingv1.IngressClass) {
				if p := c.Spec.Parameters; p != nil {
					setPointer(&p.Scope, networkingv1.IngressClassParametersReferenceScopeCluster)
				}
			}),
			columns: []column{
				text("Controller", of(func(c *networkingv1.IngressClass) any { return c.Spec.Controller })),
				text("Parameters", of(func(c *networkingv1.IngressClass) any {
					p := c.Spec.Parameters
					if p == nil {
						return none
					}
					kind := p.Kind
					if p.APIGroup != nil {
						kind += "." + *p.APIGroup
					}
					return kind + "/" + p.Name
				})),
			},
		},
		{
			gv: gv, object: &networkingv1.NetworkPolicy{}, list: &networkingv1.NetworkPolicyList{}, resource: "networkpolicies",
			short: []string{"netpol"}, generation: true, defaults: defaulting(defaultNetworkPolicy),
			columns: []column{text("Pod-Selector", of(func(n *networkingv1.NetworkPolicy) any {
				return metav1.FormatLabelSelector(&n.Spec.PodSelector)
			}))},
		},
		{
			gv: gv, object: &networkingv1.IPAddress{}, list: &networkingv1.IPAddressList{}, resource: "ipaddresses",
			cluster: true, short: []string{"ip"}, name: nameIsIP, validate: checking(validateIPAddress),
			columns: []column{text("ParentRef", of(parentOf))},
		},
		{
			gv: gv, object: &networkingv1.ServiceCIDR{}, list: &networkingv1.ServiceCIDRList{}, resource: "servicecidrs",
			cluster: true, status: true, validate: checking(validateServiceCIDR),
			columns: []column{text("CIDRs", of(func(c *networkingv1.ServiceCIDR) any { return strings.Join(c.Spec.CIDRs, ",") }))},
		},
	}
}

func parentOf(a *networkingv1.IPAddress) any {
	p := a.Spec.ParentRef
	if p == nil {
		return none
	}
	out := strings.ToLower(schema.GroupResource{Group: p.Group, Resource: p.Resource}.String())
	if p.Namespace != "" {
		out += "/" + p.Namespace
	}
	return out + "/" + p.Name
}

func defaultNetworkPolicy(n *networkingv1.NetworkPolicy) {
	for i := range n.Spec.Ingress {
		defaultPolicyPorts(n.Spec.Ingress[i].Ports)
	}
	for i := range n.Spec.Egress {
		defaultPolicyPorts(n.Spec.Egress[i].Ports)
	}
	if len(n.Spec.PolicyTypes) == 0 {
		n.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(n.Spec.Egress) > 0 {
			n.Spec.PolicyTypes = append(n.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
}

func defaultPolicyPorts(ports []networkingv1.NetworkPolicyPort) {
	for i := range ports {
		setPointer(&ports[i].Protocol, corev1.ProtocolTCP)
	}
}

func ingressColumns() []column {
	return []column{
		text("Class", of(func(i *networkingv1.Ingress) any { return pointed(i.Spec.IngressClassName, none) })),
		text("Hosts", of(func(i *networkingv1.Ingress) any {
			var hosts []string
			for _, r := range i.Spec.Rules {
				if r.Host != "" {
					hosts = append(hosts, r.Host)
				}
			}
			if len(hosts) == 0 {
				return "*"
			}
			return joinSome(hosts)
		})),
		text("Address", of(func(i *networkingv1.Ingress) any {
			out := make([]string, 0, len(i.Status.LoadBalancer.Ingress))
			for _, in := range i.Status.LoadBalancer.Ingress {
				out = append(out, or(in.IP, in.Hostname))
			}
			return strings.Join(out, ",")
		})),
		text("Ports", of(func(i *networkingv1.Ingress) any {
			if len(i.Spec.TLS) > 0 {
				return "80, 443"
			}
			return "80"
		})),
	}
}

func policyRows() []row {
	orNA := func(v *intstr.IntOrString) string {
		if v == nil {
			return "N/A"
		}
		return v.String()
	}
	return []row{
		{
			gv: policyv1.SchemeGroupVersion, object: &policyv1.PodDisruptionBudget{}, list: &policyv1.PodDisruptionBudgetList{},
			resource: "poddisruptionbudgets", short: []string{"pdb"}, status: true, generation: true, preconditioned: true,
			validate: checking(validateBudget),
			columns: []column{
				text("Min Available", of(func(p *policyv1.PodDisruptionBudget) any { return orNA(p.Spec.MinAvailable) })),
				text("Max Unavailable", of(func(p *policyv1.PodDisruptionBudget) any { return orNA(p.Spec.MaxUnavailable) })),
				integer("Allowed Disruptions", of(func(p *policyv1.PodDisruptionBudget) any { return int64(p.Status.DisruptionsAllowed) })),
			},
		},
		{
			gv: autoscalingv2.SchemeGroupVersion, object: &autoscalingv2.HorizontalPodAutoscaler{}, list: &autoscalingv2.HorizontalPodAutoscalerList{},
			resource: "horizontalpodautoscalers", short: []string{"hpa"}, categories: all, status: true, generation: true,
			also: []otherVersion{autoscalerV1()}, defaults: defaulting(defaultAutoscaler), validate: checking(validateAutoscaler),
			columns: []column{
				text("Reference", of(func(h *autoscalingv2.HorizontalPodAutoscaler) any {
					return h.Spec.ScaleTargetRef.Kind + "/" + h.Spec.ScaleTargetRef.Name
				})),
				text("Targets", of(func(h *autoscalingv2.HorizontalPodAutoscaler) any {
					return metricsText(h.Spec.Metrics, h.Status.CurrentMetrics)
				})),
				text("MinPods", of(func(h *autoscalingv2.HorizontalPodAutoscaler) any {
					if h.Spec.MinReplicas == nil {
						return unset
					}
					return strconv.Itoa(int(*h.Spec.MinReplicas))
				})),
				text("MaxPods", of(func(h *autoscalingv2.HorizontalPodAutoscaler) any { return int64(h.Spec.MaxReplicas) })),
				text("Replicas", of(func(h *autoscalingv2.HorizontalPodAutoscaler) any { return int64(h.Status.CurrentReplicas) })),
			},
		},
	}
}
