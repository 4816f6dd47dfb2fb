package aggregator

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kagg-project/kagg/proxy"
)

// generationHeader tells which snapshot answered.
const generationHeader = "Kagg-Generation"

// router sends each request to who answers it: the merged documents, a backend,
// or the local APIs. It reads the newest snapshot once per request.
type router struct {
	snapshots *snapshots
	proxy     *proxy.Handler
	// local serves the local APIs, and 404 for what nobody has.
	local http.Handler
	// own serves health, version and metrics by exact path or below it.
	own     http.Handler
	profile Profile
	// unserved tells of what nobody serves.
	unserved *unserved
}

// ServeHTTP answers as Snapshot.Route says.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s := r.snapshots.load()
	if r.profile == ProfileDev {
		w.Header().Set(generationHeader, strconv.FormatUint(s.Generation, 10))
	}
	switch to := s.Route(req.URL.Path); to.Rule {
	case RoutingDiscovery:
		s.discovery.serve(w, req)
	case RoutingGroupList:
		s.discovery.serveGroups(w, req)
	case RoutingGroup:
		s.discovery.serveGroup(w, req, to.Group)
	case RoutingLocalGroup:
		r.local.ServeHTTP(w, req)
	case RoutingGroupVersion, RoutingNoAPIService, RoutingCore:
		r.serveRoute(w, req, to.route)
	case RoutingOpenAPIV2:
		s.openAPI.serveV2.ServeHTTP(w, req)
	case RoutingOpenAPIV3List:
		s.openAPI.serveV3Index(w, req)
	case RoutingOpenAPIV3:
		s.openAPI.serveV3(w, req, to.Key, func(apiService string) { r.serveRoute(w, req, s.routeOf(apiService)) }, r.local)
	case RoutingOther:
		r.own.ServeHTTP(w, req)
	}
}

// serveRoute sends the request where the route goes, or to the local APIs where
// there is none.
func (r *router) serveRoute(w http.ResponseWriter, req *http.Request, to *route) {
	if to == nil || to.target.Local {
		r.unserved.note(req, r.snapshots.load())
	}
	if to == nil {
		r.local.ServeHTTP(w, req)
		return
	}
	target := &to.target
	if !target.Available && !target.Local {
		target = to.explained(time.Now())
	}
	r.proxy.Serve(w, req, target)
}

// prompt tells the requests that end when their context does: those that a backend
// answers, or nobody, and those whose answer is there.
func (r *router) prompt(req *http.Request) bool {
	s := r.snapshots.load()
	switch to := s.Route(req.URL.Path); to.Rule {
	case RoutingGroupVersion, RoutingCore:
		return to.route != nil && !to.route.target.Local
	case RoutingDiscovery:
		return s.discovery.answers.ready(req)
	default:
		return false
	}
}

// routeOf returns the route of an APIService; nil when there is none.
func (s *Snapshot) routeOf(apiService string) *route {
	version, group, _ := strings.Cut(apiService, ".")
	if group == "" {
		return s.routes["/api"]
	}
	return s.routes["/apis/"+group+"/"+version]
}

// explained is the target with what explain says.
func (r *route) explained(now time.Time) *proxy.Target {
	target := r.target
	target.Unavailable = r.explain(now)
	return &target
}

// explain says why requests under the route are refused: the APIService, the
// reason, the backend's address, the newest probe and its age.
func (r *route) explain(now time.Time) string {
	reason := "it has not been probed yet"
	if r.condition.Reason != "" {
		reason = r.condition.Reason + ": " + r.condition.Message
	}
	if r.mend != "" {
		reason += ": " + r.mend
	}
	address := "no address"
	if hosts := r.target.Resolution.Hosts; len(hosts) > 0 {
		address = strings.Join(hosts, ", ")
	}
	probed := "never probed"
	if at := r.lastProbe.Load(); at != 0 {
		probed = fmt.Sprintf("last probed %s ago", now.Sub(time.Unix(0, at)).Round(time.Millisecond))
	}
	return fmt.Sprintf("APIService %q is not available: %s (backend %s at %s, %s)", r.target.APIService, reason, r.label, address, probed)
}
