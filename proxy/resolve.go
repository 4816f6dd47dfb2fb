package proxy

import (
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// EndpointAnnotation on an APIService or a Service names the address to reach it at, as
// "https://host:port". It wins over everything that the Service itself says.
const EndpointAnnotation = "kagg.dev/endpoint"

// Query is what an APIService's spec.service asks for. Port is the Service's port, defaulted to 443 by
// the APIService's own defaults.
type Query struct {
	Namespace, Name string
	Port            int32
}

// String is "namespace/name:port".
func (q Query) String() string {
	return q.Namespace + "/" + q.Name + ":" + strconv.Itoa(int(q.Port))
}

// ServerName is the name that the backend's serving certificate has to bear: "name.namespace.svc", as
// the kube-aggregator asks for (pkg/controllers/status/remote, BuildTransportConfig).
func (q Query) ServerName() string {
	return q.Name + "." + q.Namespace + ".svc"
}

// Registry is everything that [Resolve] reads. Every field may be empty; nothing in it is changed.
type Registry struct {
	// Overrides come from the command line, in its order.
	Overrides []Override
	// APIServiceAnnotation and ServiceAnnotation are the values of EndpointAnnotation, "" if not set.
	APIServiceAnnotation, ServiceAnnotation string
	// Service is the Service that the query names, nil if there is none.
	Service *corev1.Service
	// EndpointSlices may hold slices of other services too: a slice counts if its namespace and its
	// kubernetes.io/service-name label name the service.
	EndpointSlices []*discoveryv1.EndpointSlice
	// Endpoints is the legacy object of the service's name. It is read only if no slice exists for the
	// service, as a cluster mirrors it into slices.
	Endpoints *corev1.Endpoints //nolint:staticcheck // Endpoints is deprecated, and people still have it in their YAML.
}

// Rule names how a service was resolved. The set is closed: [Rules].
type Rule string

// The rules, in the order in which they are tried.
const (
	RuleEndpointFlag         Rule = "endpoint-flag"         // an Override
	RuleAPIServiceAnnotation Rule = "apiservice-annotation" // EndpointAnnotation on the APIService
	RuleServiceAnnotation    Rule = "service-annotation"    // EndpointAnnotation on the Service
	RuleExternalName         Rule = "external-name"         // spec.type: ExternalName
	RuleEndpointSlices       Rule = "endpoint-slices"       // ready endpoints of the service's EndpointSlices
	RuleEndpoints            Rule = "endpoints"             // addresses of the legacy Endpoints
)

// Rules returns all rules in the order in which they are tried.
func Rules() []Rule {
	return []Rule{
		RuleEndpointFlag, RuleAPIServiceAnnotation, RuleServiceAnnotation,
		RuleExternalName, RuleEndpointSlices, RuleEndpoints,
	}
}

// Resolution is where a service is served.
type Resolution struct {
	// Hosts are "host:port" (IPv6 in brackets), sorted, each once, at least one. Requests take them in turn.
	Hosts []string
	// Rule decided.
	Rule Rule
	// Reason is one sentence: why this rule decided and what it read.
	Reason string
}

// Resolve says where the service that q names is served. Rules are tried in the order of [Rules] and
// the first that applies decides: a rule that applies and fails (an annotation that is no https URL,
// say) is an error, and later rules are not looked at. The error is always a *[ResolveError].
//
// A Service with a selector or without, with a cluster IP or headless, resolves alike, by the ready
// endpoints of its slices: k8s.io/apiserver pkg/util/proxy, ResolveEndpoint. An ExternalName resolves
// as ResolveCluster does it there. The cluster IP itself is never used: no cluster routes it here.
// Resolve is pure: the same arguments give the same result, and neither is changed.
func Resolve(q Query, r Registry) (Resolution, error) {
	if o, ok := overrideFor(q, r.Overrides); ok {
		return Resolution{
			Hosts: []string{o.Host}, Rule: RuleEndpointFlag,
			Reason: fmt.Sprintf("the flag --endpoint %s names this service.", o),
		}, nil
	}
	if r.APIServiceAnnotation != "" {
		return byAnnotation(q, RuleAPIServiceAnnotation, "APIService", r.APIServiceAnnotation)
	}
	if r.ServiceAnnotation != "" {
		return byAnnotation(q, RuleServiceAnnotation, "Service", r.ServiceAnnotation)
	}
	if r.Service == nil {
		return Resolution{}, &ResolveError{
			Query: q, Cause: CauseServiceNotFound,
			Message: fmt.Sprintf("service %q not found", q.Name),
			Detail: fmt.Sprintf("there is no Service %s in namespace %q; add it to the files, or start with --endpoint %s=HOST:PORT",
				q.Name, q.Namespace, q),
		}
	}
	return byService(q, r)
}

// byService resolves by what the Service's type says.
func byService(q Query, r Registry) (Resolution, error) {
	switch t := r.Service.Spec.Type; t {
	case corev1.ServiceTypeExternalName:
		return byExternalName(q, r.Service)
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort, "":
		// An empty type is what the API defaults to ClusterIP.
	default:
		return Resolution{}, &ResolveError{
			Query: q, Cause: CauseUnsupportedType,
			Message: fmt.Sprintf("unsupported service type %q", t),
			Detail:  "spec.type has to be ClusterIP, NodePort, LoadBalancer or ExternalName",
		}
	}
	for i := range r.Service.Spec.Ports {
		if p := &r.Service.Spec.Ports[i]; p.Port == q.Port {
			return byEndpoints(q, p.Name, r)
		}
	}
	return Resolution{}, &ResolveError{
		Query: q, Cause: CausePortNotFound,
		Message: fmt.Sprintf("no service port %d found for service %q", q.Port, q.Name),
		Detail: fmt.Sprintf("the Service's ports are %s; set spec.service.port of the APIService to one of them",
			portNumbers(r.Service.Spec.Ports)),
	}
}

func byExternalName(q Query, s *corev1.Service) (Resolution, error) {
	if s.Spec.ExternalName == "" {
		return Resolution{}, &ResolveError{
			Query: q, Cause: CauseInvalidEndpoint,
			Message: fmt.Sprintf("no endpoints available for service %q", q.Name),
			Detail:  "the Service's type is ExternalName and its spec.externalName is empty; set it to a host name",
		}
	}
	return Resolution{
		Hosts: []string{net.JoinHostPort(s.Spec.ExternalName, strconv.Itoa(int(q.Port)))},
		Rule:  RuleExternalName,
		Reason: fmt.Sprintf("the Service's type is ExternalName, its spec.externalName %q, and the APIService asks for port %d.",
			s.Spec.ExternalName, q.Port),
	}, nil
}

// Cause is why a service could not be resolved, for programs.
type Cause string

// The causes of a [ResolveError].
const (
	CauseServiceNotFound Cause = "ServiceNotFound" // no Service of that name, and nothing that stands in for it
	CausePortNotFound    Cause = "PortNotFound"    // the Service has no such port
	CauseUnsupportedType Cause = "UnsupportedType" // a spec.type that no rule knows
	CauseNoEndpoints     Cause = "NoEndpoints"     // no ready endpoint serves the port
	CauseInvalidEndpoint Cause = "InvalidEndpoint" // an annotation or externalName that is no address
)

// ResolveError says why [Resolve] found no address.
type ResolveError struct {
	Query Query
	Cause Cause
	// Message is the kube-apiserver's own text where it has one: a condition may carry it unchanged.
	Message string
	// Detail adds what was looked at and what mends it.
	Detail string
}

// Error is Message alone; see [ResolveError.Explain] for both.
func (e *ResolveError) Error() string { return e.Message }

// Explain is Message and Detail in one line.
func (e *ResolveError) Explain() string {
	if e.Detail == "" {
		return e.Message
	}
	return e.Message + ": " + e.Detail
}
