package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
)

// group explains where a group is listed and which version it prefers.
func (e *explainer) group() error {
	name := e.groupOf()
	if !slices.Contains(e.groups(), cmp.Or(name, coreGroup)) {
		return e.unknown(e.target.Group, e.groups())
	}
	e.out.Outcome = e.groupOutcome(name)
	for _, d := range e.discoveryDecisions(func(d *discoverymerge.Decision) bool { return concernsGroup(d, name) }) {
		e.addDiscovery(&d)
	}
	for i := range e.services {
		if e.services[i].Object.Spec.Group == name {
			e.addService(&e.services[i])
		}
	}
	e.addOpenAPIOrder(name)
	e.changePreferred(name, "")
	e.changeGroupOrder(name)
	return nil
}

// addDiscovery adds a decision of the discovery merge and what would change it. That what nobody was asked for is not
// known to be current is no news.
func (e *explainer) addDiscovery(d *discoverymerge.Decision) {
	if v := e.service(d.Winner.APIService); d.Rule == discoverymerge.RuleStale && v != nil && e.unasked(v) {
		return
	}
	out := ofDiscovery(*d)
	out.Since = e.staleSince(d)
	e.add(out)
	e.changeDiscovery(d)
}

// discoveryDecisions are those of the discovery merge that are wanted: how good an entry is and which version is
// preferred is what people ask first, the order among groups last.
func (e *explainer) discoveryDecisions(wanted func(*discoverymerge.Decision) bool) []discoverymerge.Decision {
	var out []discoverymerge.Decision
	for _, d := range e.snapshot.Discovery().Decisions {
		if wanted(&d) {
			out = append(out, d)
		}
	}
	rank := func(d discoverymerge.Decision) int {
		switch {
		case d.Rule == discoverymerge.RuleStale, d.Rule == discoverymerge.RuleNotListed:
			return 0
		case d.Rule == discoverymerge.RulePreferredVersion:
			return 1
		case d.Subject.Kind == discoverymerge.SubjectVersion:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(out, func(a, b discoverymerge.Decision) int { return cmp.Compare(rank(a), rank(b)) })
	return out
}

// staleSince is since when the APIService of a Stale group-version is not available; "" where it is available, and for
// other decisions.
func (e *explainer) staleSince(d *discoverymerge.Decision) string {
	if v := e.service(d.Winner.APIService); d.Rule == discoverymerge.RuleStale && v != nil && v.Condition.Status != "True" {
		return since(v)
	}
	return ""
}

// concernsGroup tells whether a decision is about a group, or sets it behind another one.
func concernsGroup(d *discoverymerge.Decision, group string) bool {
	if d.Subject.Kind == discoverymerge.SubjectResource {
		return false
	}
	return d.Subject.Group == group || slices.ContainsFunc(d.Losers, func(p discoverymerge.Party) bool { return p.Group == group })
}

// groupOutcome is a sentence about a group that somebody has.
func (e *explainer) groupOutcome(name string) string {
	result := e.snapshot.Discovery()
	items := result.Aggregated.Items
	place := slices.IndexFunc(items, func(g apidiscoveryv2.APIGroupDiscovery) bool { return g.Name == name })
	listedPlace := slices.IndexFunc(result.Groups.Groups, func(g metav1.APIGroup) bool { return g.Name == name })
	switch {
	case place >= 0:
		versions := make([]string, 0, len(items[place].Versions))
		for i := range items[place].Versions {
			versions = append(versions, e.versionTitle(name, &items[place].Versions[i]))
		}
		out := fmt.Sprintf("%s is group %d of %d in /apis, and its preferred version is %s; it has %s",
			groupTitle(name), place+1, len(items), items[place].Versions[0].Version, strings.Join(versions, " and "))
		if listedPlace >= 0 && listedPlace != place && len(items) == len(result.Groups.Groups) {
			out += fmt.Sprintf("; the unaggregated list has it in place %d", listedPlace+1)
		}
		if listedPlace < 0 {
			out += "; the unaggregated list does not have it"
		}
		return out
	case listedPlace >= 0:
		return fmt.Sprintf("%s is in the unaggregated list of /apis only, in place %d of %d", groupTitle(name), listedPlace+1, len(result.Groups.Groups))
	case name == "":
		return "the core group is not in /apis: it is served below /api, and comes before all others where a client names no group"
	}
	return name + " is in no document"
}

// versionTitle says who serves a version, and whether it is stale.
func (e *explainer) versionTitle(group string, version *apidiscoveryv2.APIVersionDiscovery) string {
	out := version.Version
	if info, ok := e.snapshot.Discovery().Version(group, version.Version); ok {
		out += " from " + info.Party.Backend
	}
	if v := e.serviceOf(group, version.Version); v != nil && e.unasked(v) {
		return out + ", which was not asked"
	}
	if version.Freshness == apidiscoveryv2.DiscoveryFreshnessStale {
		out += ", which is Stale"
	}
	return out
}

// addOpenAPIOrder tells in which order the versions of a group are merged in OpenAPI v2.
func (e *explainer) addOpenAPIOrder(group string) {
	v2, _ := e.snapshot.OpenAPIV2() // a merge that fails has decisions too
	for _, d := range v2.Decisions {
		if d.Rule == openapimerge.RuleVersionOrder && d.Subject.Name == group {
			e.add(ofOpenAPI(AreaOpenAPIV2, d))
		}
	}
}

// version explains where a group-version is served from, and how good what is known of it is.
func (e *explainer) version() error {
	group, version := e.groupOf(), e.target.Version
	inputs := e.snapshot.DiscoveryInputs()
	known := make([]string, 0, len(inputs))
	found := false
	for _, in := range inputs {
		known = append(known, cmp.Or(in.Group, coreGroup)+"/"+in.Version)
		found = found || in.Group == group && in.Version == version
	}
	if !found {
		return e.unknown(e.target.Group+"/"+version, known)
	}
	e.out.Outcome = e.versionOutcome(group, version)
	e.addVersion(group, version)
	e.addOpenAPIOrder(group)
	e.addOpenAPIV3(openAPIKey(group, version))
	e.changePreferred(group, version)
	return nil
}

// addVersion tells what was decided about a group-version, what it was compared with, and of its APIService.
func (e *explainer) addVersion(group, version string) {
	own := func(p discoverymerge.Party) bool { return p.Group == group && p.Version == version }
	for _, d := range e.discoveryDecisions(func(d *discoverymerge.Decision) bool {
		about := d.Subject.Kind == discoverymerge.SubjectVersion && d.Subject.Version == version
		compared := own(d.Winner) || slices.ContainsFunc(d.Losers, own)
		return d.Subject.Kind != discoverymerge.SubjectResource && d.Subject.Group == group && (about || compared)
	}) {
		e.addDiscovery(&d)
	}
	e.addService(e.serviceOf(group, version))
}

// versionOutcome is a sentence about a group-version that somebody has.
func (e *explainer) versionOutcome(group, version string) string {
	name := groupVersion(group, version)
	result := e.snapshot.Discovery()
	for i := range result.Aggregated.Items {
		item := &result.Aggregated.Items[i]
		if item.Name != group {
			continue
		}
		for v := range item.Versions {
			if item.Versions[v].Version != version {
				continue
			}
			rank := fmt.Sprintf("version %d of %d of its group", v+1, len(item.Versions))
			if v == 0 {
				rank = "the preferred version of its group"
			}
			info, _ := result.Version(group, version)
			s := e.serviceOf(group, version)
			if s != nil && e.unasked(s) {
				return fmt.Sprintf("%s is %s, and goes to %s, which was not asked what it serves: there are manifests alone", name, rank, info.Party.Backend)
			}
			out := fmt.Sprintf("%s is %s, served by %s and %s with %s", name, rank, info.Party.Backend,
				strings.ToLower(string(item.Versions[v].Freshness)), counted(len(item.Versions[v].Resources), "resource"))
			if s != nil && s.Condition.Status != "True" {
				if at := since(s); at != "" {
					out += "; its APIService has not been available since " + at
				}
			}
			return out
		}
	}
	for _, in := range e.snapshot.DiscoveryInputs() {
		if in.Group == group && in.Version == version && group == "" {
			return name + " is served by " + in.Backend + " below /api, and in no document of /apis"
		}
	}
	return name + " is not in the aggregated document of /apis"
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
