package delegate

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
)

const (
	none    = "<none>"
	unset   = "<unset>"
	unknown = "<unknown>"
)

// or is s, or what kubectl shows in its place.
func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func serviceColumns() []column {
	return []column{
		text("Type", of(func(s *corev1.Service) any { return string(s.Spec.Type) })),
		text("Cluster-IP", of(func(s *corev1.Service) any { return or(s.Spec.ClusterIP, none) })),
		text("External-IP", of(func(s *corev1.Service) any { return externalIP(s) })),
		text("Port(s)", of(func(s *corev1.Service) any {
			ports := make([]string, 0, len(s.Spec.Ports))
			for _, p := range s.Spec.Ports {
				t := strconv.Itoa(int(p.Port))
				if p.NodePort > 0 {
					t += ":" + strconv.Itoa(int(p.NodePort))
				}
				ports = append(ports, t+"/"+string(p.Protocol))
			}
			return or(strings.Join(ports, ","), none)
		})),
		age(),
		wide("Selector", of(func(s *corev1.Service) any { return labels.FormatLabels(s.Spec.Selector) })),
	}
}

func externalIP(s *corev1.Service) string {
	ips := append([]string(nil), s.Spec.ExternalIPs...)
	switch s.Spec.Type {
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeLoadBalancer:
		balancers := sets.New[string]()
		for _, in := range s.Status.LoadBalancer.Ingress {
			balancers.Insert(or(in.IP, in.Hostname))
		}
		ips = append(sets.List(balancers), ips...)
		return or(strings.Join(ips, ","), "<pending>")
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort:
	}
	return or(strings.Join(ips, ","), none)
}

func endpointsText(e *corev1.Endpoints) any { //nolint:staticcheck // served as long as upstream does
	var out []string
	for i := range e.Subsets {
		s := &e.Subsets[i]
		for _, a := range s.Addresses {
			if len(s.Ports) == 0 {
				out = append(out, a.IP)
			}
			for _, p := range s.Ports {
				out = append(out, net.JoinHostPort(a.IP, strconv.Itoa(int(p.Port))))
			}
		}
	}
	return joinSome(out)
}

func eventColumns() []column {
	return []column{
		text("Last Seen", of(func(e *corev1.Event) any { return since(lastSeen(e)) })),
		text("Type", of(func(e *corev1.Event) any { return e.Type })),
		text("Reason", of(func(e *corev1.Event) any { return e.Reason })),
		text("Object", of(func(e *corev1.Event) any {
			return strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name
		})),
		wide("Subobject", of(func(e *corev1.Event) any { return e.InvolvedObject.FieldPath })),
		wide("Source", of(func(e *corev1.Event) any {
			return strings.TrimSuffix(eventSource(e)+", "+or(e.Source.Host, e.ReportingInstance), ", ")
		})),
		text("Message", of(func(e *corev1.Event) any { return strings.TrimSpace(e.Message) })),
		wide("First Seen", of(func(e *corev1.Event) any {
			if e.FirstTimestamp.IsZero() {
				return since(metav1.Time{Time: e.EventTime.Time})
			}
			return since(e.FirstTimestamp)
		})),
		{name: "Count", kind: "string", priority: 1, value: of(func(e *corev1.Event) any {
			if e.Series != nil {
				return int64(e.Series.Count)
			}
			return int64(max(e.Count, 1))
		})},
		name(1),
	}
}

func lastSeen(e *corev1.Event) metav1.Time {
	switch {
	case e.Series != nil:
		return metav1.Time{Time: e.Series.LastObservedTime.Time}
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp
	case !e.FirstTimestamp.IsZero():
		return e.FirstTimestamp
	default:
		return metav1.Time{Time: e.EventTime.Time}
	}
}

func nodeColumns() []column {
	address := func(kind corev1.NodeAddressType) func(n *corev1.Node) any {
		return func(n *corev1.Node) any {
			for _, a := range n.Status.Addresses {
				if a.Type == kind {
					return a.Address
				}
			}
			return none
		}
	}
	return []column{
		text("Status", of(nodeStatus)),
		text("Roles", of(func(n *corev1.Node) any {
			roles := sets.New[string]()
			for k, v := range n.Labels {
				if role, ok := strings.CutPrefix(k, "node-role.kubernetes.io/"); ok && role != "" {
					roles.Insert(role)
				} else if k == "kubernetes.io/role" && v != "" {
					roles.Insert(v)
				}
			}
			return or(strings.Join(sets.List(roles), ","), none)
		})),
		age(),
		text("Version", of(func(n *corev1.Node) any { return n.Status.NodeInfo.KubeletVersion })),
		wide("Internal-IP", of(address(corev1.NodeInternalIP))),
		wide("External-IP", of(address(corev1.NodeExternalIP))),
		wide("OS-Image", of(func(n *corev1.Node) any { return or(n.Status.NodeInfo.OSImage, unknown) })),
		wide("Kernel-Version", of(func(n *corev1.Node) any { return or(n.Status.NodeInfo.KernelVersion, unknown) })),
		wide("Container-Runtime", of(func(n *corev1.Node) any { return or(n.Status.NodeInfo.ContainerRuntimeVersion, unknown) })),
	}
}

func nodeStatus(n *corev1.Node) any {
	status := "Unknown"
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			status = "NotReady"
			if c.Status == corev1.ConditionTrue {
				status = "Ready"
			}
		}
	}
	if n.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	return status
}

func podColumns() []column {
	return []column{
		text("Ready", of(func(p *corev1.Pod) any {
			ready := 0
			for i := range p.Status.ContainerStatuses {
				if p.Status.ContainerStatuses[i].Ready {
					ready++
				}
			}
			return fmt.Sprintf("%d/%d", ready, len(p.Spec.Containers))
		})),
		text("Status", of(podStatus)),
		text("Restarts", of(func(p *corev1.Pod) any {
			restarts := 0
			for i := range p.Status.ContainerStatuses {
				restarts += int(p.Status.ContainerStatuses[i].RestartCount)
			}
			return strconv.Itoa(restarts)
		})),
		age(),
		wide("IP", of(func(p *corev1.Pod) any { return or(p.Status.PodIP, none) })),
		wide("Node", of(func(p *corev1.Pod) any { return or(p.Spec.NodeName, none) })),
		wide("Nominated Node", of(func(p *corev1.Pod) any { return or(p.Status.NominatedNodeName, none) })),
		wide("Readiness Gates", of(func(p *corev1.Pod) any {
			if len(p.Spec.ReadinessGates) == 0 {
				return none
			}
			met := 0
			for _, g := range p.Spec.ReadinessGates {
				for _, c := range p.Status.Conditions {
					if c.Type == g.ConditionType && c.Status == corev1.ConditionTrue {
						met++
					}
				}
			}
			return fmt.Sprintf("%d/%d", met, len(p.Spec.ReadinessGates))
		})),
	}
}

func podStatus(p *corev1.Pod) any {
	status := string(p.Status.Phase)
	if p.Status.Reason != "" {
		status = p.Status.Reason
	}
	for i := range p.Status.ContainerStatuses {
		switch s := &p.Status.ContainerStatuses[i].State; {
		case s.Waiting != nil && s.Waiting.Reason != "":
			status = s.Waiting.Reason
		case s.Terminated != nil && s.Terminated.Reason != "":
			status = s.Terminated.Reason
		}
	}
	if p.DeletionTimestamp != nil {
		return "Terminating"
	}
	return status
}
