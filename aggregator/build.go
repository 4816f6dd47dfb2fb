package aggregator

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
)

// backendView is a backend as build sees it.
type backendView struct {
	spec         backendSpec
	transport    *proxy.Transport
	transportErr error
	seen         *observation
	// wake makes the backend be probed at once.
	wake func()
}

// buildInput is everything that a Snapshot follows from.
type buildInput struct {
	registry *Registry
	backends map[backendKey]backendView
	local    *localAPIs
	// previous lends its merged documents where their inputs did not change;
	// nil for the first.
	previous *Snapshot
}

// build makes the Snapshot that follows from the input. It is pure: it starts
// nothing, waits for nothing, and the same input gives a snapshot that answers
// every request alike. The generation is left to the caller.
func build(in buildInput) *Snapshot {
	s := &Snapshot{
		Conditions: make(map[string]apiregistrationv1.APIServiceCondition, len(in.registry.APIServices)),
		lacks:      map[string]string{},
		served:     map[string]bool{},
		uids:       make(map[string]types.UID, len(in.registry.APIServices)),
		routes:     make(map[string]*route, len(in.registry.APIServices)),
		groups:     map[string]bool{},
		complete:   true,
	}
	for _, a := range in.registry.APIServices {
		r := buildRoute(in, a)
		s.Conditions[a.Name] = r.condition
		s.uids[a.Name] = a.UID
		s.routes[routePath(a)] = r
		s.groups[a.Spec.Group] = true
		if a.Spec.Service == nil {
			s.served[a.Name] = in.local.expects(groupVersionOf(a))
		} else if r.target.Available {
			key := in.registry.keys[a.Name]
			if lack := in.backends[key].seen.lack(); lack != "" {
				s.lacks[key.label()] = lack
			}
		}
	}
	for _, b := range in.backends {
		s.complete = s.complete && b.seen.complete(b.spec)
	}
	s.discovery = buildDiscovery(in)
	s.openAPI = buildOpenAPI(in)
	s.inputs = in
	s.inputs.previous = nil // or every snapshot would keep all those before it
	return s
}

// complete tells whether everything about the backend has been asked for once.
func (o *observation) complete(s backendSpec) bool {
	return o.discovered && o.fetched && !slices.ContainsFunc(s.groupVersions, func(gv schema.GroupVersion) bool { return !o.probes[gv].Done })
}

// routePath returns the path at which and below which an APIService is served.
// The legacy group's is wider than its version (kube-aggregator,
// pkg/apiserver/apiserver.go, AddAPIService).
func routePath(a *apiregistrationv1.APIService) string {
	if a.Name == "v1." {
		return "/api"
	}
	return "/apis/" + a.Spec.Group + "/" + a.Spec.Version
}

func groupVersionOf(a *apiregistrationv1.APIService) schema.GroupVersion {
	return schema.GroupVersion{Group: a.Spec.Group, Version: a.Spec.Version}
}

func buildRoute(in buildInput, a *apiregistrationv1.APIService) *route {
	r := &route{target: proxy.Target{APIService: a.Name, Local: a.Spec.Service == nil}}
	facts := availability.Facts{}
	if a.Spec.Service != nil {
		key := in.registry.keys[a.Name]
		b := in.backends[key]
		facts = in.registry.facts(a, b.spec)
		facts.Probe = b.seen.probes[groupVersionOf(a)]
		r.label, r.lastProbe, r.wake = key.label(), b.seen.lastProbe, b.wake
		r.target.Resolution, r.target.Transport, r.target.TransportErr = b.spec.resolution, b.transport, b.transportErr
		r.target.ResolveErr = b.spec.resolveErr
	}
	r.condition = availability.Evaluate(facts)
	r.mend = mend(a.Spec.Service, r.condition.Reason, facts.Probe.Hint)
	r.target.Available = r.condition.Status == apiregistrationv1.ConditionTrue
	return r
}

func buildDiscovery(in buildInput) *discoveryDocument {
	inputs := discoveryInputs(in)
	if p := in.previous; p != nil && slices.Equal(p.discovery.inputs, inputs) {
		return p.discovery
	}
	return newDiscoveryDocument(inputs)
}

// discoveryInputs lists what the discovery merge works on: the APIServices, the
// local group-versions that none names, and what backends list beyond theirs.
func discoveryInputs(in buildInput) []discoverymerge.Input {
	inputs := make([]discoverymerge.Input, 0, len(in.registry.APIServices))
	named := map[schema.GroupVersion]bool{}
	for _, a := range in.registry.APIServices {
		gv := groupVersionOf(a)
		i := discoverymerge.Input{
			APIService: a.Name, Group: gv.Group, Version: gv.Version,
			GroupPriorityMinimum: a.Spec.GroupPriorityMinimum, VersionPriority: a.Spec.VersionPriority,
		}
		if a.Spec.Service == nil {
			i.Local, i.Backend = true, localBackend
			i.Entry, i.Source = in.local.entry(gv)
			named[gv] = true
		} else {
			key := in.registry.keys[a.Name]
			e := in.backends[key].seen.discovery[gv]
			i.Backend, i.Form, i.Entry, i.Failure = key.label(), e.form, e.entry, e.failure
		}
		inputs = append(inputs, i)
	}
	for _, gv := range slices.SortedFunc(maps.Keys(in.local.groupVersions()), compareGroupVersions) {
		if !named[gv] {
			group, version, _ := delegate.Priority(gv)
			entry, source := in.local.entry(gv)
			inputs = append(inputs, discoverymerge.Input{
				Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: group, VersionPriority: version,
				Local: true, Source: source, Backend: localBackend, Entry: entry,
			})
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(in.backends), compareBackends) {
		for _, gv := range in.backends[key].seen.unclaimed {
			inputs = append(inputs, discoverymerge.Input{Group: gv.Group, Version: gv.Version, Backend: key.label(), Form: discoverymerge.FormAggregated})
		}
	}
	return inputs
}

func buildOpenAPI(in buildInput) *openAPIDocuments {
	inputs := make([]openapimerge.Input, 0, len(in.registry.APIServices))
	for _, a := range in.registry.APIServices {
		if a.Spec.Service == nil {
			continue
		}
		key := in.registry.keys[a.Name]
		seen := in.backends[key].seen
		if !seen.fetched {
			continue
		}
		inputs = append(inputs, openapimerge.Input{
			APIService: a.Name, Group: a.Spec.Group, Version: a.Spec.Version,
			GroupPriorityMinimum: a.Spec.GroupPriorityMinimum, VersionPriority: a.Spec.VersionPriority,
			Backend: key.label(), V2: seen.v2.document, V2ETag: seen.v2.etag, V2Failure: seen.v2.failure,
			V3: seen.v3.index, V3Failure: seen.v3.failure, Conversion: seen.v2.conversion,
		})
	}
	var previous *openAPIDocuments
	if in.previous != nil {
		previous = in.previous.openAPI
	}
	if previous != nil && previous.local == in.local && slices.Equal(previous.remote, inputs) {
		return previous
	}
	return newOpenAPIDocuments(inputs, in.local, previous)
}
