package discoverymerge

// Quirks names the upstream bugs that Merge reproduces, one field each. The zero value reproduces none;
// UpstreamQuirks, all of them. A Decision that a quirk took part in has the field's name in Decision.Quirk.
type Quirks struct {
	// UnaggregatedTieByName: of two groups with equal priority, the unaggregated list puts the one first whose
	// APIService has the lower name, and a name begins with the version ("v1.b" before "v2.a"), while the
	// aggregated document compares groups. Without it both compare groups.
	// Upstream: k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/helper, ByGroupPriorityMinimum.
	UnaggregatedTieByName bool `json:"unaggregatedTieByName,omitempty"`
	// FailureDropsResources: when a fetch fails, the resources that the backend listed before are dropped from
	// the aggregated document, though the comment there says that they are kept. Without it they stay, Stale.
	// Upstream: k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, fetchFreshDiscoveryForService.
	FailureDropsResources bool `json:"failureDropsResources,omitempty"`
	// CoreGroupInAggregated: an APIService v1. with a spec.service puts a group without a name into the
	// aggregated /apis document, where the core group does not belong. Without it the group is left out.
	// Upstream: k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, syncAPIService.
	CoreGroupInAggregated bool `json:"coreGroupInAggregated,omitempty"`
	// APIRegistrationTwice: with an APIService for a version of apiregistration.k8s.io, the unaggregated list
	// has that group a second time. Without it the group is listed once, first.
	// Upstream: k8s.io/kube-aggregator/pkg/apiserver/handler_apis.go, apisHandler.ServeHTTP.
	APIRegistrationTwice bool `json:"apiRegistrationTwice,omitempty"`
}

// The names of the quirks as decisions give them.
const (
	quirkUnaggregatedTieByName = "UnaggregatedTieByName"
	quirkFailureDropsResources = "FailureDropsResources"
	quirkCoreGroupInAggregated = "CoreGroupInAggregated"
	quirkAPIRegistrationTwice  = "APIRegistrationTwice"
)

// UpstreamQuirks returns the quirks of the real kube-aggregator: every field is true. It is what to merge with
// unless somebody asks for something else.
func UpstreamQuirks() Quirks {
	return Quirks{
		UnaggregatedTieByName: true,
		FailureDropsResources: true,
		CoreGroupInAggregated: true,
		APIRegistrationTwice:  true,
	}
}
