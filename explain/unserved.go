package explain

import (
	"fmt"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/discoverymerge"
)

// servedByNobody says what is missing where neither an APIService's backend nor the local APIs have what a request is
// for, which kagg answers with 404; "" where somebody has it, or may have it: of paths that are no API's nothing is known.
func (e *explainer) servedByNobody(r aggregator.Routing, a *aggregator.Admission) string {
	target, found := r.Target()
	if found && !target.Local || e.replay.Recording.Local == nil {
		return ""
	}
	group, version := "", ""
	switch r.Rule {
	case aggregator.RoutingOpenAPIV3:
		if _, owned := e.snapshot.OpenAPIV3().Owners[r.Key]; !owned {
			return "nobody has the key " + r.Key + " in the index of /openapi/v3"
		}
		return ""
	case aggregator.RoutingLocalGroup:
		group = strings.Trim(strings.TrimPrefix(a.Path, "/apis"), "/")
		if e.localInput(func(in *discoverymerge.Input) bool { return in.Group == group }) == nil {
			return "nobody serves the group " + group
		}
		return ""
	case aggregator.RoutingNoAPIService, aggregator.RoutingGroupVersion:
		group, version, _ = strings.Cut(strings.TrimPrefix(a.Path, "/apis/"), "/")
		version, _, _ = strings.Cut(version, "/")
	case aggregator.RoutingCore:
		version, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(a.Path, "/api"), "/"), "/")
		if version == "" {
			return ""
		}
	default:
		return ""
	}
	in := e.localInput(func(in *discoverymerge.Input) bool { return in.Group == group && in.Version == version })
	if in == nil {
		return "nobody serves " + groupVersion(group, version)
	}
	if resource := missing(in, a); resource != "" {
		return fmt.Sprintf("%s has no resource %s", groupVersion(group, version), resource)
	}
	return ""
}

// localInput returns the first group-version of the local APIs that is wanted; nil for none.
func (e *explainer) localInput(wanted func(*discoverymerge.Input) bool) *discoverymerge.Input {
	for _, in := range e.snapshot.DiscoveryInputs() {
		if in.Local && in.Entry != nil && wanted(&in) {
			return &in
		}
	}
	return nil
}

// unlistedResource returns the resource that a request is for and the group-version, where the backend's newest discovery
// does not have it; "" where it has, and where that is not known.
func (e *explainer) unlistedResource(v *aggregator.APIServiceView, a *aggregator.Admission) (resource, gv string) {
	for _, in := range e.snapshot.DiscoveryInputs() {
		if in.APIService == v.Object.Name && in.Entry != nil && in.Failure == "" {
			return missing(&in, a), groupVersion(in.Group, in.Version)
		}
	}
	return "", ""
}

// missing is the resource that a request is for, where a group-version does not list it.
func missing(in *discoverymerge.Input, a *aggregator.Admission) string {
	at := a.Attributes
	if at == nil || !at.IsResourceRequest() || at.GetAPIGroup() != in.Group || at.GetAPIVersion() != in.Version {
		return ""
	}
	if slices.ContainsFunc(in.Entry.Resources, func(r apidiscoveryv2.APIResourceDiscovery) bool { return r.Resource == at.GetResource() }) {
		return ""
	}
	return at.GetResource()
}
