package availability

// ReasonInfo describes a reason of the Available condition.
type ReasonInfo struct {
	Reason string `json:"reason"`
	// Meaning is one sentence.
	Meaning string `json:"meaning"`
	// Upstream is the package and file, a comma, and the function that decides the same in Kubernetes.
	Upstream string `json:"upstream"`
}

const (
	upstreamRemote = "k8s.io/kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go, sync"
	upstreamLocal  = "k8s.io/kube-aggregator/pkg/controllers/status/local/local_available_controller.go, sync"
)

// Reasons returns every reason that Evaluate gives, in the order in which it tries them; "" is that of a backend
// that has not been probed yet. The slice is the caller's own.
func Reasons() []ReasonInfo {
	return []ReasonInfo{
		{ReasonLocal, "an APIService without spec.service is served by the server itself", upstreamLocal},
		{ReasonServiceAccessError, "the Service that spec.service names could not be read", upstreamRemote},
		{ReasonServiceNotFound, "there is no Service as spec.service names it", upstreamRemote},
		{ReasonServicePortError, "the Service does not have the port of spec.service.port", upstreamRemote},
		{ReasonEndpointsAccessError, "the EndpointSlices of the Service could not be read", upstreamRemote},
		{ReasonEndpointsNotFound, "the Service has no EndpointSlice", upstreamRemote},
		{ReasonMissingEndpoints, "no EndpointSlice of the Service has a ready endpoint with the port's name", upstreamRemote},
		{"", "nobody has asked the backend yet", upstreamRemote},
		{ReasonFailedDiscoveryCheck, "the backend was asked for /apis/<group>/<version> and did not answer well", upstreamRemote},
		{ReasonPassed, "the Service, its endpoints and the backend's answer are all good", upstreamRemote},
	}
}

// Describe returns what Reasons says of a reason; only Reason is set where it says nothing.
func Describe(reason string) ReasonInfo {
	for _, info := range Reasons() {
		if info.Reason == reason {
			return info
		}
	}
	return ReasonInfo{Reason: reason}
}
