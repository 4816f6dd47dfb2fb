package explain

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/openapimerge"
)

// apiService explains whether an APIService is available, where its backend is, and what its documents brought.
func (e *explainer) apiService() error {
	v := e.service(e.target.Name)
	if v == nil {
		names := make([]string, 0, len(e.services))
		for i := range e.services {
			names = append(names, e.services[i].Object.Name)
		}
		return e.unknown(e.target.Name, names)
	}
	e.out.Outcome = e.serviceOutcome(v)
	e.addService(v)
	if !v.Local() {
		e.add(ofResolution(v))
	}
	e.addVersion(v.Object.Spec.Group, v.Object.Spec.Version)
	if !v.Local() && !e.unasked(v) {
		v2, _ := e.snapshot.OpenAPIV2() // a merge that fails has decisions too
		e.addOpenAPIOf(AreaOpenAPIV2, v2.Decisions, v)
		e.addOpenAPIOf(AreaOpenAPIV3, e.snapshot.OpenAPIV3().Decisions, v)
	}
	return nil
}

func (e *explainer) serviceOutcome(v *aggregator.APIServiceView) string {
	out := fmt.Sprintf("%s sends %s to %s", v.Object.Name, groupVersion(v.Object.Spec.Group, v.Object.Spec.Version), v.Backend)
	if v.Local() {
		return fmt.Sprintf("%s is served by the local APIs and always available", v.Object.Name)
	}
	state := "is available"
	switch {
	case e.unasked(v):
		return out + ", which was not asked: there are manifests alone"
	case v.Condition.Status != "True":
		state = "is not available"
	}
	if at := since(v); at != "" {
		state += " since " + at
	}
	out += " and " + state
	if len(v.Resolution.Hosts) > 0 {
		out += ", at " + listed(v.Resolution.Hosts)
	}
	return out
}

// addOpenAPIOf adds the decisions in which an APIService or its backend takes part.
func (e *explainer) addOpenAPIOf(area Area, decisions []openapimerge.Decision, v *aggregator.APIServiceView) {
	own := func(p openapimerge.Party) bool {
		return p.APIService == v.Object.Name || p.APIService == "" && p.Backend == v.Backend
	}
	decisions = slices.Clone(decisions)
	slices.SortStableFunc(decisions, func(a, b openapimerge.Decision) int { return cmp.Compare(bookkeeping(a.Rule), bookkeeping(b.Rule)) })
	for _, d := range decisions {
		backend := d.Subject.Kind == openapimerge.KindBackend && d.Subject.Name == v.Backend && d.Winner.APIService == "" &&
			!slices.ContainsFunc(d.Losers, func(p openapimerge.Party) bool { return p.APIService != "" })
		if backend || own(d.Winner) || slices.ContainsFunc(d.Losers, own) {
			e.add(ofOpenAPI(area, d))
			e.changeOpenAPI(&d)
		}
	}
}

// bookkeeping is 1 for rules by which nothing of a document is lost or named otherwise, 0 for those that somebody may
// want to do something about.
func bookkeeping(rule openapimerge.Rule) int {
	switch rule {
	case openapimerge.RuleDefinitionShared, openapimerge.RuleParameterShared, openapimerge.RuleDefinitionGVKsUnited,
		openapimerge.RuleV2Base, openapimerge.RulePathFiltered, openapimerge.RuleV3Served:
		return 1
	default:
		return 0
	}
}
