package explain

import (
	"cmp"
	"fmt"
	"time"
	"unicode"
	"unicode/utf8"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
)

// groupTitle is a group's name for a person.
func groupTitle(name string) string { return cmp.Or(name, "the core group") }

// groupVersion is "group/version", or the version alone in the core group.
func groupVersion(group, version string) string {
	if group == "" {
		return version
	}
	return group + "/" + version
}

// ofDiscovery gives a decision of the discovery merge.
func ofDiscovery(d discoverymerge.Decision) Decision {
	out := Decision{
		Area: AreaDiscovery, About: discoverySubject(d.Subject), Outcome: d.Outcome, Rule: string(d.Rule), Meaning: discoveryMeaning(d.Rule),
		Document: string(d.Document), Upstream: d.Upstream, Quirk: d.Quirk,
	}
	if d.Winner != (discoverymerge.Party{}) {
		winner := discoveryParty(d.Winner)
		out.Winner = &winner
	}
	for _, loser := range d.Losers {
		out.Losers = append(out.Losers, discoveryParty(loser))
	}
	return out
}

func discoverySubject(s discoverymerge.Subject) string {
	switch s.Kind {
	case discoverymerge.SubjectGroup:
		return "group " + cmp.Or(s.Group, coreGroup)
	case discoverymerge.SubjectVersion:
		return "version " + groupVersion(s.Group, s.Version)
	case discoverymerge.SubjectResource:
	}
	return "resource name " + s.Resource
}

func discoveryMeaning(rule discoverymerge.Rule) string {
	for _, info := range discoverymerge.Rules() {
		if info.Name == rule {
			return info.Meaning
		}
	}
	return ""
}

// discoveryParty names a party by what the decision is about: a resource, a group-version, or a group.
func discoveryParty(p discoverymerge.Party) Party {
	name := groupTitle(p.Group)
	switch {
	case p.Resource != "" && p.Group == "":
		name = p.Resource
	case p.Resource != "":
		name = p.Resource + "." + p.Group
	case p.Version != "":
		name = groupVersion(p.Group, p.Version)
	}
	return Party{Name: name, APIService: p.APIService, Backend: p.Backend, Value: p.Value, Margin: p.Margin}
}

// ofOpenAPI gives a decision of an OpenAPI merge.
func ofOpenAPI(area Area, d openapimerge.Decision) Decision {
	out := Decision{
		Area: area, About: openAPISubject(d.Subject), Outcome: d.Outcome, Rule: string(d.Rule), Renamed: d.Renamed, Count: d.Count, Diff: d.Diff,
		Upstream: d.Upstream, Quirk: d.Quirk,
	}
	for _, info := range openapimerge.Rules() {
		if info.Rule == d.Rule {
			out.Meaning = clause(info.Meaning)
		}
	}
	if d.Winner != (openapimerge.Party{}) {
		winner := openAPIParty(d.Winner)
		out.Winner = &winner
	}
	for _, loser := range d.Losers {
		out.Losers = append(out.Losers, openAPIParty(loser))
	}
	return out
}

// clause is a sentence without its capital and its full stop, as the other packages have their meanings.
func clause(sentence string) string {
	first, size := utf8.DecodeRuneInString(sentence)
	return string(unicode.ToLower(first)) + trimStop(sentence[size:])
}

func openAPISubject(s openapimerge.Subject) string {
	if s.Kind == openapimerge.KindGroupVersion {
		return "group-version " + s.Name
	}
	return s.Kind + " " + s.Name
}

func openAPIParty(p openapimerge.Party) Party {
	if p.Backend == aggregator.LocalBackend {
		return Party{Name: openAPITitle(p), Backend: p.Backend}
	}
	return Party{Name: openAPITitle(p), APIService: p.APIService, Backend: p.Backend}
}

// openAPITitle names a party of an OpenAPI merge; the local APIs' documents come from no APIService.
func openAPITitle(p openapimerge.Party) string {
	switch {
	case p.APIService == aggregator.CustomResources:
		return "the CustomResourceDefinitions"
	case p.Backend == aggregator.LocalBackend:
		return "the local APIs"
	}
	return cmp.Or(p.APIService, p.Backend)
}

// ofAvailability says whether an APIService is available, and since when.
func ofAvailability(v *aggregator.APIServiceView) Decision {
	info := availability.Describe(v.Condition.Reason)
	d := Decision{
		Area: AreaAvailability, About: "APIService " + v.Object.Name, Rule: cmp.Or(v.Condition.Reason, "NotProbed"),
		Meaning: info.Meaning, Upstream: info.Upstream, Since: since(v),
		Winner: &Party{Name: v.Object.Name, APIService: v.Object.Name, Backend: v.Backend},
	}
	switch v.Condition.Status {
	case apiregistrationv1.ConditionTrue:
		d.Outcome = v.Object.Name + " is available: " + v.Condition.Message
	case apiregistrationv1.ConditionFalse:
		d.Outcome = v.Object.Name + " is not available: " + v.Condition.Message
	case apiregistrationv1.ConditionUnknown:
		d.Outcome = v.Object.Name + " is not available yet: " + cmp.Or(v.Condition.Message, v.Backend+" has not been probed yet")
	}
	return d
}

// since is when the recorded condition took the status that it has, "" if it has another one now.
func since(v *aggregator.APIServiceView) string {
	for i := range v.Object.Status.Conditions {
		c := &v.Object.Status.Conditions[i]
		if c.Type == apiregistrationv1.Available && c.Status == v.Condition.Status && !c.LastTransitionTime.IsZero() {
			return c.LastTransitionTime.UTC().Format(time.RFC3339)
		}
	}
	return ""
}

// ofResolution says where an APIService's backend is.
func ofResolution(v *aggregator.APIServiceView) Decision {
	d := Decision{
		Area: AreaResolution, About: "service " + v.Query.String(),
		Winner: &Party{Name: v.Object.Name, APIService: v.Object.Name, Backend: v.Backend},
	}
	if failed, ok := cause(v.ResolveErr); ok {
		d.Rule, d.Outcome = string(failed.Cause), v.Query.String()+" has no address: "+failed.Explain()
	} else {
		d.Rule = string(v.Resolution.Rule)
		d.Outcome = fmt.Sprintf("%s is reached at %s: %s", v.Query, listed(v.Resolution.Hosts), trimStop(v.Resolution.Reason))
	}
	info := proxy.Describe(d.Rule)
	d.Meaning, d.Upstream = info.Meaning, info.Upstream
	return d
}
