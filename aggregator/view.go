package aggregator

import (
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
)

const (
	// LocalBackend names the local APIs where decisions name a backend.
	LocalBackend = localBackend
	// CustomResources stands for all CustomResourceDefinitions where decisions
	// about OpenAPI name an APIService.
	CustomResources = customDelegate
	// MadeUpAnnotation is on APIServices that nobody wrote: kagg made them up for a command that it started, whose name
	// is the value.
	MadeUpAnnotation = "kagg.dev/made-up-for"
)

// APIServiceView is one APIService with all that was decided about it.
type APIServiceView struct {
	// Object is the APIService, with the status that was last written: its
	// condition tells since when. Nobody may change it.
	Object *apiregistrationv1.APIService
	// Condition is the Available condition that follows from the facts, without
	// a transition time.
	Condition apiregistrationv1.APIServiceCondition
	// Mend says what usually makes the APIService available; "" if it is.
	Mend string
	// Query is what spec.service asks for; zero on a Local APIService, as is all
	// that follows.
	Query proxy.Query
	// Backend is "namespace/name:port", as decisions name it.
	Backend string
	// Resolution is where the service is served, ResolveErr (a
	// *proxy.ResolveError) why it is served nowhere.
	Resolution proxy.Resolution
	ResolveErr error
	// TransportErr says why no connection can be made.
	TransportErr error
	// Probe is the newest probe's result.
	Probe availability.ProbeResult
}

// Local tells whether the APIService has no spec.service.
func (v *APIServiceView) Local() bool { return v.Object.Spec.Service == nil }

// APIServices returns every APIService, sorted by name.
func (s *Snapshot) APIServices() []APIServiceView {
	views := make([]APIServiceView, 0, len(s.inputs.registry.APIServices))
	for _, a := range s.inputs.registry.APIServices {
		r := s.routes[routePath(a)]
		v := APIServiceView{Object: a, Condition: r.condition, Mend: r.mend, Backend: localBackend}
		if a.Spec.Service != nil {
			b := s.inputs.backends[s.inputs.registry.keys[a.Name]]
			v.Query = queryOf(a)
			v.Backend, v.Resolution, v.ResolveErr = r.label, r.target.Resolution, r.target.ResolveErr
			v.TransportErr, v.Probe = r.target.TransportErr, b.seen.probes[groupVersionOf(a)]
		}
		views = append(views, v)
	}
	return views
}

// DiscoveryInputs returns what the discovery merge worked on. Nobody may change
// it.
func (s *Snapshot) DiscoveryInputs() []discoverymerge.Input { return s.discovery.inputs }

// Discovery returns the merged discovery and why it came out so. Nobody may change
// it. The first call takes as long as the merge.
func (s *Snapshot) Discovery() discoverymerge.Result { return s.discovery.explained() }

// OpenAPIInputs returns what the OpenAPI merges work on. Nobody may change it.
// The first call may take as long as making the local APIs' documents.
func (s *Snapshot) OpenAPIInputs() []openapimerge.Input { return s.openAPI.inputs() }

// OpenAPIV2 returns the merged OpenAPI v2, as openapimerge.MergeV2 does. Nobody
// may change it. The first call may take as long as the merge.
func (s *Snapshot) OpenAPIV2() (openapimerge.V2Result, error) {
	merged := s.openAPI.v2()
	return merged.result, merged.err
}

// OpenAPIV3 returns the merged OpenAPI v3 index. Nobody may change it. The first
// call may take as long as the merge.
func (s *Snapshot) OpenAPIV3() openapimerge.V3Result { return s.openAPI.v3().result }

// Settled tells whether every backend has been asked for all of its documents,
// and none is to be asked anew because it was down when it was.
func (s *Snapshot) Settled() bool {
	for _, b := range s.inputs.backends {
		if b.seen.outdated {
			return false
		}
	}
	return s.complete
}
