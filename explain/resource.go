package explain

import (
	"fmt"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"

	"github.com/kagg-project/kagg/discoverymerge"
)

// resource explains what kubectl takes a name for.
func (e *explainer) resource() error {
	result := e.snapshot.Discovery()
	name, group, _ := strings.Cut(e.target.Name, ".")
	choices := e.versioned(result)
	if len(choices) == 0 {
		choices = result.Lookup(name, group)
	}
	if len(choices) == 0 {
		return e.unlisted(name, group)
	}
	first := choices[0]
	e.out.Outcome = fmt.Sprintf("kubectl takes %q for the %s of %s, kind %s in %s, served by %s",
		e.target.Name, first.Form, title(first.Party), first.Kind, groupVersion(first.Party.Group, first.Party.Version), first.Party.Backend)
	if group == "" {
		for _, d := range result.Decisions {
			if d.Subject.Kind == discoverymerge.SubjectResource && strings.EqualFold(d.Subject.Resource, name) {
				e.add(ofDiscovery(d))
			}
		}
	}
	e.addVersion(first.Party.Group, first.Party.Version)
	e.addGroupOrder(first.Party.Group, choices)
	for i, other := range choices[1:] {
		if other.Party.Group == first.Party.Group {
			continue
		}
		e.change(Change{Effect: "a client reaches " + title(other.Party), Mend: "name the group, as in kubectl get " + title(other.Party)})
		if set := e.meanInstead(choices, i+1); len(set) > 0 {
			e.change(Change{Effect: fmt.Sprintf("%q means %s", name, title(other.Party)), Mend: mendOf(set), Set: set})
		}
	}
	return nil
}

// meanInstead returns what to set so that a name means another of its choices; nil where the order of the groups does
// not decide it: the core group comes first whatever its priority, and a full name goes before a short one.
func (e *explainer) meanInstead(choices []discoverymerge.Choice, wanted int) []Setting {
	var others []ranked
	for i, c := range choices {
		if c.Party.Group == "" || !sameForm(c.Form, choices[0].Form) && (i == wanted || i == 0) {
			return nil
		}
		if c.Party.Group != choices[wanted].Party.Group {
			others = append(others, e.rankedGroup(c.Party.Group)...)
		}
	}
	return overtake(e.rankedGroup(choices[wanted].Party.Group), others, fieldGroupPriority, highestGroupPriority)
}

func sameForm(a, b discoverymerge.NameForm) bool {
	return (a == discoverymerge.NameShort) == (b == discoverymerge.NameShort)
}

func title(p discoverymerge.Party) string {
	if p.Group == "" {
		return p.Resource
	}
	return p.Resource + "." + p.Group
}

// versioned reads NAME.VERSION.GROUP as kubectl does before it takes the same for NAME.GROUP: a short name stands for
// the plural that any version of the group gives it to. None where the version has no such resource, or is Stale.
func (e *explainer) versioned(result discoverymerge.Result) []discoverymerge.Choice {
	name, version, group, ok := splitVersion(e.target.Name)
	if !ok {
		return nil
	}
	for _, c := range result.Lookup(name, group) {
		if c.Party.Group != group {
			continue
		}
		if c.Party.Version == version || e.inVersion(result, &c, version) {
			return []discoverymerge.Choice{c}
		}
	}
	return nil
}

// splitVersion splits NAME.VERSION.GROUP.
func splitVersion(target string) (name, version, group string, ok bool) {
	name, rest, _ := strings.Cut(target, ".")
	version, group, ok = strings.Cut(rest, ".")
	return name, version, group, ok
}

// inVersion makes a choice that of another version of its group; false where that has no such resource for clients.
func (e *explainer) inVersion(result discoverymerge.Result, c *discoverymerge.Choice, version string) bool {
	info, known := result.Version(c.Party.Group, version)
	entry := e.aggregatedVersion(c.Party.Group, version)
	if !known || entry == nil || entry.Freshness == apidiscoveryv2.DiscoveryFreshnessStale {
		return false
	}
	i := slices.IndexFunc(entry.Resources, func(r apidiscoveryv2.APIResourceDiscovery) bool { return r.Resource == c.Party.Resource })
	if i < 0 {
		return false
	}
	c.Party = discoverymerge.Party{
		APIService: info.Party.APIService, Backend: info.Party.Backend, Group: c.Party.Group, Version: version, Resource: c.Party.Resource,
	}
	if kind := entry.Resources[i].ResponseKind; kind != nil {
		c.Kind = kind.Kind
	}
	return true
}

// aggregatedVersion is a group-version's entry in the aggregated document; nil when there is none.
func (e *explainer) aggregatedVersion(group, version string) *apidiscoveryv2.APIVersionDiscovery {
	in, _ := e.aggregatedGroup(group)
	if in == nil {
		return nil
	}
	i := slices.IndexFunc(in.Versions, func(v apidiscoveryv2.APIVersionDiscovery) bool { return v.Version == version })
	if i < 0 {
		return nil
	}
	return &in.Versions[i]
}

// addGroupOrder tells why the group of the first choice comes before those of the others.
func (e *explainer) addGroupOrder(first string, choices []discoverymerge.Choice) {
	groups := map[string]bool{}
	for _, c := range choices {
		groups[c.Party.Group] = true
	}
	if len(groups) == 1 {
		return
	}
	for _, d := range e.snapshot.Discovery().Decisions {
		if d.Subject.Kind != discoverymerge.SubjectGroup || d.Document == discoverymerge.DocumentUnaggregated {
			continue
		}
		switch d.Rule {
		case discoverymerge.RuleGroupPriority, discoverymerge.RuleGroupName, discoverymerge.RuleGroupHighestPriority:
			if d.Subject.Group == first || groups[d.Losers[0].Group] {
				e.add(ofDiscovery(d))
			}
		default:
		}
	}
}

// named tells whether a client may call a resource so.
func named(r *apidiscoveryv2.APIResourceDiscovery, name string) bool {
	return r.Resource == name || r.SingularResource == name || slices.Contains(r.ShortNames, name) ||
		r.ResponseKind != nil && r.ResponseKind.Kind == name
}

// unlisted explains a resource that no client finds but that a backend listed before it failed; without one the target
// is unknown.
func (e *explainer) unlisted(name, group string) error {
	_, version, rest, versioned := splitVersion(e.target.Name)
	if _, known := e.snapshot.Discovery().Version(rest, version); versioned && known {
		group = rest
	} else {
		version = ""
	}
	var candidates []string
	add := func(name, of string) {
		candidates = append(candidates, name)
		if group != "" {
			candidates = append(candidates, name+"."+of)
		}
	}
	for _, in := range e.snapshot.DiscoveryInputs() {
		if in.Entry != nil && in.Failure != "" {
			for i := range in.Entry.Resources {
				add(in.Entry.Resources[i].Resource, in.Group)
			}
		}
		if in.Entry == nil || (group != "" && in.Group != group) || (version != "" && in.Version != version) {
			continue
		}
		for i := range in.Entry.Resources {
			if named(&in.Entry.Resources[i], name) {
				e.out.Outcome = fmt.Sprintf("no client finds %q: %s had it in %s, which is not in the documents as it was", e.target.Name, in.Backend, groupVersion(in.Group, in.Version))
				e.addVersion(in.Group, in.Version)
				return nil
			}
		}
	}
	for _, n := range e.snapshot.Discovery().Names() {
		for _, c := range e.snapshot.Discovery().Lookup(n, "") {
			add(n, c.Party.Group)
		}
	}
	return e.unknown(e.target.Name, candidates)
}
