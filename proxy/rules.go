package proxy

import "slices"

// RuleInfo describes a [Rule], a [Cause], or the rule of a [Refusal].
type RuleInfo struct {
	Name string `json:"name"`
	// Meaning is one sentence.
	Meaning string `json:"meaning"`
	// Upstream is the package and file, a comma, and the function that decides the same in Kubernetes; or that
	// nothing does.
	Upstream string `json:"upstream"`
}

const (
	upstreamNone      = "nowhere: only kagg has it"
	upstreamEndpoint  = "k8s.io/apiserver/pkg/util/proxy/proxy.go, ResolveEndpoint"
	upstreamCluster   = "k8s.io/apiserver/pkg/util/proxy/proxy.go, ResolveCluster"
	upstreamServeHTTP = "k8s.io/kube-aggregator/pkg/apiserver/handler_proxy.go, ServeHTTP"
)

// The rules of a [Refusal], in the order in which they are tried.
const (
	RefusalUnavailable = "not-available"
	RefusalTransport   = "no-connection"
	RefusalUser        = "no-user"
	RefusalAddress     = "no-address"
)

// ruleInfos is read only.
var ruleInfos = [...]RuleInfo{
	{string(RuleEndpointFlag), "a flag --endpoint that names the service wins over all objects", upstreamNone},
	{string(RuleAPIServiceAnnotation), "the annotation " + EndpointAnnotation + " of the APIService wins over the Service", upstreamNone},
	{string(RuleServiceAnnotation), "the annotation " + EndpointAnnotation + " of the Service wins over its endpoints", upstreamNone},
	{string(RuleExternalName), "a Service of type ExternalName is reached at its spec.externalName", upstreamCluster},
	{string(RuleEndpointSlices), "a Service is reached at the ready endpoints of its EndpointSlices", upstreamEndpoint},
	{string(RuleEndpoints), "a Service without an EndpointSlice is reached at the addresses of its Endpoints, which a cluster mirrors into slices", upstreamEndpoint},
	{string(CauseServiceNotFound), "a service without a Service object has no address", upstreamEndpoint},
	{string(CausePortNotFound), "a Service that does not have the port has no address for it", upstreamEndpoint},
	{string(CauseUnsupportedType), "a Service of an unknown type has no address", upstreamEndpoint},
	{string(CauseNoEndpoints), "a Service without a ready endpoint for the port has no address", upstreamEndpoint},
	{string(CauseInvalidEndpoint), "an address that cannot be read is none, and no later rule is tried", upstreamNone},
	{RefusalUnavailable, "a request for an APIService that is not available is refused with 503", upstreamServeHTTP},
	{RefusalTransport, "a request is refused with 500 where no TLS connection can be made of the caBundle and the client certificate", upstreamServeHTTP},
	{RefusalUser, "a request whose user is not known is refused with 500", upstreamServeHTTP},
	{RefusalAddress, "a request for a service without an address is refused with 503", upstreamServeHTTP},
}

// RuleInfos describes every rule, then every cause, then every refusal, each in the order in which they are tried.
// The slice is the caller's own.
func RuleInfos() []RuleInfo { return slices.Clone(ruleInfos[:]) }

// Describe returns what RuleInfos says of a name; only Name is set where it says nothing.
func Describe(name string) RuleInfo {
	for _, info := range ruleInfos {
		if info.Name == name {
			return info
		}
	}
	return RuleInfo{Name: name}
}

// Refusal is an answer that a request gets without its backend being asked.
type Refusal struct {
	// Rule is one of the Refusal constants.
	Rule string
	// Code is the HTTP status.
	Code int32
	// Message is what the client reads, or what the kube-aggregator would have it read if Options.UpstreamErrors
	// is set.
	Message, Upstream string
}

// Refusal returns the answer that requests for the target get without the backend being asked; false when it is
// asked, and for a local target. It is about the target alone: the user is taken to be known, and a Transport to
// be there unless TransportErr is set.
func (t *Target) Refusal() (Refusal, bool) {
	f, refused := t.refusal(true)
	if !refused {
		return Refusal{}, false
	}
	return Refusal{Rule: f.rule, Code: f.code, Message: f.message, Upstream: f.upstream}, true
}

// refusal is what [Handler.Serve] checks before it asks the backend, in the kube-aggregator's order.
func (t *Target) refusal(knowsUser bool) (failure, bool) {
	switch {
	case t.Local:
		return failure{}, false
	case !t.Available:
		return notAvailable(t), true
	case t.TransportErr != nil:
		return noTransport(t), true
	case !knowsUser:
		return noUser(t), true
	case t.ResolveErr != nil || len(t.Resolution.Hosts) == 0:
		return notResolved(t), true
	}
	return failure{}, false
}

// Roots says which CAs a backend's certificate is verified by.
type Roots string

// The roots.
const (
	RootsNone           Roots = "none"              // any certificate is taken
	RootsBundle         Roots = "caBundle"          // those of the caBundle only
	RootsSystem         Roots = "system"            // the system's
	RootsSystemAndExtra Roots = "system-and-kagg's" // the system's and ExtraRoots
)

// Roots returns which CAs count. A caBundle beside InsecureSkipVerify, which is an error, counts as any certificate.
func (t TLS) Roots() Roots {
	switch {
	case t.InsecureSkipVerify:
		return RootsNone
	case len(t.CABundle) > 0:
		return RootsBundle
	case len(t.ExtraRoots) > 0:
		return RootsSystemAndExtra
	}
	return RootsSystem
}
