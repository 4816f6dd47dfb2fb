package proxy

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// found is what a walk over slices or Endpoints saw for one port name.
type found struct {
	preferred, others []string // host:port of ready endpoints, in and out of the service's first IP family
	objects           []string // names of the objects looked at
	notReady          int      // endpoints of the port that are not ready
	ports             []string // names of all ports seen, to explain a mismatch
}

// byEndpoints resolves the port called portName by the service's EndpointSlices, or by its Endpoints
// when it has no slice.
func byEndpoints(q Query, portName string, r Registry) (Resolution, error) {
	family := corev1.IPFamilyUnknown
	if len(r.Service.Spec.IPFamilies) > 0 {
		family = r.Service.Spec.IPFamilies[0]
	}
	rule, kind := RuleEndpointSlices, "EndpointSlice"
	f, some := walkSlices(q, portName, family, r.EndpointSlices)
	if !some && r.Endpoints != nil && r.Endpoints.Namespace == q.Namespace && r.Endpoints.Name == q.Name {
		rule, kind = RuleEndpoints, "Endpoints"
		f, some = walkEndpoints(portName, family, r.Endpoints), true
	}
	hosts := f.preferred
	if len(hosts) == 0 {
		hosts = f.others
	}
	if len(hosts) == 0 {
		return Resolution{}, &ResolveError{
			Query: q, Cause: CauseNoEndpoints,
			Message: fmt.Sprintf("no endpoints available for service %q", q.Name),
			Detail:  f.explain(q, kind, portName, some),
		}
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	return Resolution{
		Hosts: hosts, Rule: rule,
		Reason: fmt.Sprintf("%s for port %s in %s %s%s.", count(len(hosts), "ready endpoint"),
			describePort(q.Port, portName), kind, strings.Join(f.objects, ", "), f.leftOut()),
	}, nil
}

// walkSlices gathers the endpoints of one port as k8s.io/apiserver's RandomEndpoint picks them: an
// endpoint is ready unless it says that it is not (serving and terminating are not looked at), only its
// first address counts, and a slice of the service's first IP family goes before others. A port without
// a name is called "", which is what the API defaults it to. The second result says whether the service
// has any slice.
func walkSlices(q Query, portName string, family corev1.IPFamily, all []*discoveryv1.EndpointSlice) (found, bool) {
	var f found
	for _, s := range all {
		if s == nil || s.Namespace != q.Namespace || s.Labels[discoveryv1.LabelServiceName] != q.Name {
			continue
		}
		f.objects = append(f.objects, s.Name)
		preferred := family == corev1.IPFamilyUnknown || s.AddressType == discoveryv1.AddressType(family)
		for _, p := range s.Ports {
			name := ""
			if p.Name != nil {
				name = *p.Name
			}
			f.ports = append(f.ports, name)
			if name != portName || p.Port == nil {
				continue
			}
			for _, e := range s.Endpoints {
				if len(e.Addresses) == 0 {
					continue
				}
				if e.Conditions.Ready != nil && !*e.Conditions.Ready {
					f.notReady++
					continue
				}
				f.add(preferred, e.Addresses[0], *p.Port)
			}
		}
	}
	slices.Sort(f.objects)
	return f, len(f.objects) > 0
}

// walkEndpoints gathers the addresses of one port of a legacy Endpoints object.
func walkEndpoints(portName string, family corev1.IPFamily, e *corev1.Endpoints) found { //nolint:staticcheck // see Registry.Endpoints
	f := found{objects: []string{e.Name}}
	for _, subset := range e.Subsets {
		for _, p := range subset.Ports {
			f.ports = append(f.ports, p.Name)
			if p.Name != portName {
				continue
			}
			f.notReady += len(subset.NotReadyAddresses)
			for _, a := range subset.Addresses {
				f.add(family == corev1.IPFamilyUnknown || familyOf(a.IP) == family, a.IP, p.Port)
			}
		}
	}
	return f
}

func (f *found) add(preferred bool, address string, port int32) {
	host := net.JoinHostPort(address, strconv.Itoa(int(port)))
	if preferred {
		f.preferred = append(f.preferred, host)
	} else {
		f.others = append(f.others, host)
	}
}

// leftOut says, after a success, which endpoints are not used.
func (f *found) leftOut() string {
	var s string
	if f.notReady > 0 {
		s += fmt.Sprintf("; %d not ready", f.notReady)
	}
	if len(f.preferred) > 0 && len(f.others) > 0 {
		s += fmt.Sprintf("; %d of another IP family left out", len(f.others))
	}
	return s
}

// explain says, after a failure, what was looked at and what mends it.
func (f *found) explain(q Query, kind, portName string, some bool) string {
	mend := fmt.Sprintf("or start with --endpoint %s=HOST:PORT", q)
	objects := strings.Join(f.objects, ", ")
	switch {
	case !some:
		return fmt.Sprintf("the Service has no EndpointSlice (labelled %s: %s) and no Endpoints; add one, annotate the Service with %s: https://HOST:PORT, %s",
			discoveryv1.LabelServiceName, q.Name, EndpointAnnotation, mend)
	case f.notReady > 0:
		return fmt.Sprintf("%s for port %s in %s %s, none ready; make one ready, %s",
			count(f.notReady, "endpoint"), describePort(q.Port, portName), kind, objects, mend)
	case !slices.Contains(f.ports, portName):
		slices.Sort(f.ports)
		return fmt.Sprintf("%s %s has no port called %q (its ports: %q), which is the name of the Service's port %d; name it so, %s",
			kind, objects, portName, slices.Compact(f.ports), q.Port, mend)
	default:
		return fmt.Sprintf("%s %s has no address for port %s; add one, %s", kind, objects, describePort(q.Port, portName), mend)
	}
}

func familyOf(ip string) corev1.IPFamily {
	if strings.Contains(ip, ":") {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}

func describePort(number int32, name string) string {
	if name == "" {
		return strconv.Itoa(int(number))
	}
	return fmt.Sprintf("%d (%q)", number, name)
}

func portNumbers(ports []corev1.ServicePort) string {
	if len(ports) == 0 {
		return "none"
	}
	all := make([]string, 0, len(ports))
	for _, p := range ports {
		all = append(all, describePort(p.Port, p.Name))
	}
	return strings.Join(all, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
