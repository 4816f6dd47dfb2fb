package aggregator

import (
	"slices"
	"strings"

	"github.com/kagg-project/kagg/proxy"
)

// RoutingRule names why a path goes where it goes. The set is closed:
// RoutingRules lists it.
type RoutingRule string

// The rules, in the order in which they are tried.
const (
	RoutingDiscovery     RoutingRule = "path-discovery"
	RoutingGroupList     RoutingRule = "path-group-list"
	RoutingGroup         RoutingRule = "path-group"
	RoutingLocalGroup    RoutingRule = "path-local-group"
	RoutingGroupVersion  RoutingRule = "path-group-version"
	RoutingNoAPIService  RoutingRule = "path-no-apiservice"
	RoutingCore          RoutingRule = "path-core"
	RoutingOpenAPIV2     RoutingRule = "path-openapi-v2"
	RoutingOpenAPIV3List RoutingRule = "path-openapi-v3-index"
	RoutingOpenAPIV3     RoutingRule = "path-openapi-v3"
	RoutingOther         RoutingRule = "path-other"
)

// RoutingInfo describes a RoutingRule.
type RoutingInfo struct {
	Rule RoutingRule `json:"rule"`
	// Meaning is one sentence.
	Meaning string `json:"meaning"`
	// Upstream is the package and file, a comma, and the function that decides
	// the same in Kubernetes.
	Upstream string `json:"upstream"`
}

const (
	upstreamAddAPIService = "k8s.io/kube-aggregator/pkg/apiserver/apiserver.go, AddAPIService"
	upstreamNewServer     = "k8s.io/kube-aggregator/pkg/apiserver/apiserver.go, NewWithDelegate"
	upstreamOpenAPIV2     = "k8s.io/kube-aggregator/pkg/controllers/openapi/aggregator/aggregator.go, BuildAndRegisterAggregator"
	upstreamOpenAPIV3     = "k8s.io/kube-aggregator/pkg/controllers/openapiv3/aggregator/aggregator.go, handleGroupVersion"
	upstreamOpenAPIV3Root = "k8s.io/kube-aggregator/pkg/controllers/openapiv3/aggregator/aggregator.go, handleDiscovery"
)

// routingInfos is read only.
var routingInfos = [...]RoutingInfo{
	{RoutingDiscovery, "/apis is the merged discovery, in the form that the client accepts", upstreamNewServer},
	{RoutingGroupList, "/apis/ is the merged list of groups", upstreamNewServer},
	{RoutingGroup, "/apis/GROUP of a group that an APIService has is merged of its APIServices", upstreamAddAPIService},
	{RoutingLocalGroup, "/apis/GROUP of a group that no APIService has goes to the local APIs", upstreamNewServer},
	{RoutingGroupVersion, "/apis/GROUP/VERSION and all below it go to the APIService VERSION.GROUP", upstreamAddAPIService},
	{RoutingNoAPIService, "/apis/GROUP/VERSION and all below it go to the local APIs where there is no APIService VERSION.GROUP", upstreamNewServer},
	{RoutingCore, "/api and all below it go to the APIService v1.", upstreamAddAPIService},
	{RoutingOpenAPIV2, "/openapi/v2 is the merged document", upstreamOpenAPIV2},
	{RoutingOpenAPIV3List, "/openapi/v3 is the merged index", upstreamOpenAPIV3Root},
	{RoutingOpenAPIV3, "/openapi/v3/KEY goes to the owner of the key in the merged index", upstreamOpenAPIV3},
	{RoutingOther, "any other path is the server's own or the local APIs'", upstreamNewServer},
}

// RoutingRules returns every rule, in the order in which they are tried. The
// slice is the caller's own.
func RoutingRules() []RoutingInfo { return slices.Clone(routingInfos[:]) }

// Info returns what RoutingRules says of the rule.
func (r RoutingRule) Info() RoutingInfo {
	for _, info := range routingInfos {
		if info.Rule == r {
			return info
		}
	}
	return RoutingInfo{Rule: r}
}

// Routing is where the requests for a path go.
type Routing struct {
	Rule RoutingRule
	// Group is that of RoutingGroup; Key that of RoutingOpenAPIV3.
	Group, Key string
	// route is nil where no APIService has the path.
	route *route
}

// APIService returns the name of the APIService that has the path; "" for none.
func (r Routing) APIService() string {
	if r.route == nil {
		return ""
	}
	return r.route.target.APIService
}

// Target returns what the proxy knows of the APIService that has the path; false
// when none has.
func (r Routing) Target() (proxy.Target, bool) {
	if r.route == nil {
		return proxy.Target{}, false
	}
	return r.route.target, true
}

// Route says where the requests for a path go, as the kube-aggregator's mux does
// (pkg/apiserver, apiserver.go): exact paths before prefixes, the local APIs last.
func (s *Snapshot) Route(path string) Routing {
	switch {
	case path == "/apis":
		return Routing{Rule: RoutingDiscovery}
	case path == "/apis/":
		return Routing{Rule: RoutingGroupList}
	case strings.HasPrefix(path, "/apis/"):
		return s.routeGroupPath(path)
	case path == "/api" || strings.HasPrefix(path, "/api/"):
		return Routing{Rule: RoutingCore, route: s.routes["/api"]}
	case path == "/openapi/v2":
		return Routing{Rule: RoutingOpenAPIV2}
	case path == "/openapi/v3":
		return Routing{Rule: RoutingOpenAPIV3List}
	case strings.HasPrefix(path, openAPIV3Prefix):
		return Routing{Rule: RoutingOpenAPIV3, Key: path[len(openAPIV3Prefix):]}
	default:
		return Routing{Rule: RoutingOther}
	}
}

const openAPIV3Prefix = "/openapi/v3/"

// routeGroupPath is for /apis/GROUP and what is below it.
func (s *Snapshot) routeGroupPath(path string) Routing {
	group, version, deeper := strings.Cut(path[len("/apis/"):], "/")
	if !deeper || version == "" {
		if s.groups[group] && group != "" {
			return Routing{Rule: RoutingGroup, Group: group}
		}
		return Routing{Rule: RoutingLocalGroup}
	}
	version, _, _ = strings.Cut(version, "/")
	if to := s.routes["/apis/"+group+"/"+version]; to != nil {
		return Routing{Rule: RoutingGroupVersion, route: to}
	}
	return Routing{Rule: RoutingNoAPIService}
}
