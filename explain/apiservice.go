package explain

import (
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
	e.out.Outcome = serviceOutcome(v)
	e.addService(v)
	if !v.Local() {
		e.add(ofResolution(v))
	}
	e.addVersion(v.Object.Spec.Group, v.Object.Spec.Version)
	if !v.Local() {
		v2, _ := e.snapshot.OpenAPIV2() // a merge that fails has decisions too
		e.addOpenAPIOf(AreaOpenAPIV2, v2.Decisions, v)
		e.addOpenAPIOf(AreaOpenAPIV3, e.snapshot.OpenAPIV3().Decisions, v)
	}
	return nil
}

func serviceOutcome(v *aggregator.APIServiceView) string {
	out := fmt.Sprintf("%s sends %s to %s", v.Object.Name, groupVersion(v.Object.Spec.Group, v.Object.Spec.Version), v.Backend)
	if v.Local() {
		return fmt.Sprintf("%s is served by the local APIs and always available", v.Object.Name)
	}
	state := "is available"
	if v.Condition.Status != "True" {
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
	for _, d := range decisions {
		backend := d.Subject.Kind == openapimerge.KindBackend && d.Subject.Name == v.Backend && d.Winner.APIService == "" &&
			!slices.ContainsFunc(d.Losers, func(p openapimerge.Party) bool { return p.APIService != "" })
		if backend || own(d.Winner) || slices.ContainsFunc(d.Losers, own) {
			e.add(ofOpenAPI(area, d))
			e.changeOpenAPI(&d)
		}
	}
}
