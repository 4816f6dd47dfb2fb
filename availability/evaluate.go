package availability

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// The reasons that Evaluate gives. They are the kube-aggregator's own, so that
// a script that reads them in a cluster reads them here.
const (
	ReasonLocal                = "Local"
	ReasonServiceNotFound      = "ServiceNotFound"
	ReasonServiceAccessError   = "ServiceAccessError"
	ReasonServicePortError     = "ServicePortError"
	ReasonEndpointsNotFound    = "EndpointsNotFound"
	ReasonEndpointsAccessError = "EndpointsAccessError"
	ReasonMissingEndpoints     = "MissingEndpoints"
	ReasonFailedDiscoveryCheck = "FailedDiscoveryCheck"
	ReasonPassed               = "Passed"
)

// ProbeResult is what the newest probe of a backend found.
// The zero value means that no probe has ended yet.
type ProbeResult struct {
	// Done is true once a probe has ended.
	Done bool
	// Failure is the text of the last error; "" when an attempt succeeded.
	Failure string
	// Hint says what usually mends the failure; "" where nothing is known. It
	// takes no part in the condition.
	Hint string
}

// Facts is everything that the Available condition depends on.
type Facts struct {
	// Service is the APIService's spec.service; nil for a Local APIService.
	// A nil port counts as the default, 443.
	Service *apiregistrationv1.ServiceReference
	// AddressGiven is true when the backend's address comes from an endpoint
	// flag or annotation: the Service and its EndpointSlices then do not
	// take part in finding the backend, and are not checked.
	AddressGiven bool
	// Object is the Service that spec.service names; nil when there is none.
	Object *corev1.Service
	// ObjectError says why the Service could not be read; "" when it could.
	ObjectError string
	// EndpointSlices are those of the Service.
	EndpointSlices []*discoveryv1.EndpointSlice
	// EndpointSlicesError says why they could not be read; "" when they could.
	EndpointSlicesError string
	// Probe is the newest probe's result.
	Probe ProbeResult
}

// Evaluate returns the Available condition that follows from the facts. Its
// LastTransitionTime is zero: when the status last changed is known only to
// whoever keeps the previous condition. A remote APIService whose checks pass
// and that has not been probed yet is Unknown with an empty reason.
//
// The order of the checks, the reasons and the messages are those of the
// kube-aggregator (pkg/controllers/status/remote, sync;
// pkg/controllers/status/local, sync). Safe for concurrent use.
func Evaluate(f Facts) apiregistrationv1.APIServiceCondition {
	if f.Service == nil {
		return condition(apiregistrationv1.ConditionTrue, ReasonLocal, "Local APIServices are always available")
	}
	if !f.AddressGiven {
		if c, failed := evaluateService(f); failed {
			return c
		}
	}
	switch {
	case !f.Probe.Done:
		return condition(apiregistrationv1.ConditionUnknown, "", "")
	case f.Probe.Failure != "":
		return condition(apiregistrationv1.ConditionFalse, ReasonFailedDiscoveryCheck, f.Probe.Failure)
	default:
		return condition(apiregistrationv1.ConditionTrue, ReasonPassed, "all checks passed")
	}
}

// evaluateService checks the objects that lead to the backend. A Service of
// another type than ClusterIP has no endpoints of its own to check.
func evaluateService(f Facts) (apiregistrationv1.APIServiceCondition, bool) {
	what := fmt.Sprintf("service/%s in %q", f.Service.Name, f.Service.Namespace)
	switch {
	case f.ObjectError != "":
		return condition(apiregistrationv1.ConditionUnknown, ReasonServiceAccessError,
			fmt.Sprintf("%s cannot be checked due to: %s", what, f.ObjectError)), true
	case f.Object == nil:
		return condition(apiregistrationv1.ConditionFalse, ReasonServiceNotFound, what+" is not present"), true
	case f.Object.Spec.Type != corev1.ServiceTypeClusterIP:
		return apiregistrationv1.APIServiceCondition{}, false
	}

	port := Port(f.Service)
	i := slices.IndexFunc(f.Object.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port })
	if i < 0 {
		return condition(apiregistrationv1.ConditionFalse, ReasonServicePortError,
			fmt.Sprintf("%s is not listening on port %d", what, port)), true
	}
	return evaluateEndpoints(f, what, f.Object.Spec.Ports[i].Name)
}

func evaluateEndpoints(f Facts, what, portName string) (apiregistrationv1.APIServiceCondition, bool) {
	switch {
	case f.EndpointSlicesError != "":
		return condition(apiregistrationv1.ConditionUnknown, ReasonEndpointsAccessError,
			fmt.Sprintf("%s cannot be checked due to: %s", what, f.EndpointSlicesError)), true
	case len(f.EndpointSlices) == 0:
		return condition(apiregistrationv1.ConditionFalse, ReasonEndpointsNotFound,
			"cannot find endpointslices for "+what), true
	case !slices.ContainsFunc(f.EndpointSlices, func(s *discoveryv1.EndpointSlice) bool { return serves(s, portName) }):
		return condition(apiregistrationv1.ConditionFalse, ReasonMissingEndpoints,
			fmt.Sprintf("endpointslices for %s have no addresses with port name %q", what, portName)), true
	}
	return apiregistrationv1.APIServiceCondition{}, false
}

// serves tells whether a slice has a ready endpoint and the named port.
func serves(s *discoveryv1.EndpointSlice, portName string) bool {
	ready := slices.ContainsFunc(s.Endpoints, func(e discoveryv1.Endpoint) bool {
		return e.Conditions.Ready == nil || *e.Conditions.Ready
	})
	return ready && slices.ContainsFunc(s.Ports, func(p discoveryv1.EndpointPort) bool {
		return p.Name != nil && *p.Name == portName && p.Port != nil
	})
}

// Port returns the port of a service reference, 443 where it names none, which
// is the API's default. Safe for concurrent use.
func Port(s *apiregistrationv1.ServiceReference) int32 {
	if s.Port == nil {
		return 443
	}
	return *s.Port
}

func condition(status apiregistrationv1.ConditionStatus, reason, message string) apiregistrationv1.APIServiceCondition {
	return apiregistrationv1.APIServiceCondition{
		Type: apiregistrationv1.Available, Status: status, Reason: reason, Message: message,
	}
}
