package explain

import (
	"fmt"
	"strings"

	"github.com/kagg-project/kagg/discoverymerge"
)

// resource explains what kubectl takes a name for.
func (e *explainer) resource() error {
	result := e.snapshot.Discovery()
	name, group := e.splitResource(result)
	choices := result.Lookup(name, group)
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

// splitResource reads NAME[.GROUP] and NAME.VERSION.GROUP as kubectl does: a name with dots is first taken as one with
// a version.
func (e *explainer) splitResource(result discoverymerge.Result) (name, group string) {
	name, group, _ = strings.Cut(e.target.Name, ".")
	if version, rest, ok := strings.Cut(group, "."); ok && len(result.Lookup(name, group)) == 0 {
		if _, known := result.Version(rest, version); known {
			return name, rest
		}
	}
	return name, group
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

// unlisted explains a resource that no client finds but that a backend listed before it failed; without one the target
// is unknown.
func (e *explainer) unlisted(name, group string) error {
	var candidates []string
	for _, in := range e.snapshot.DiscoveryInputs() {
		if in.Entry == nil || (group != "" && in.Group != group) {
			continue
		}
		for i := range in.Entry.Resources {
			if r := &in.Entry.Resources[i]; r.Resource == name || r.SingularResource == name {
				e.out.Outcome = fmt.Sprintf("no client finds %q: %s had it in %s, which is not in the documents as it was", e.target.Name, in.Backend, groupVersion(in.Group, in.Version))
				e.addVersion(in.Group, in.Version)
				return nil
			}
		}
	}
	for _, n := range e.snapshot.Discovery().Names() {
		candidates = append(candidates, n)
		if group != "" {
			for _, c := range e.snapshot.Discovery().Lookup(n, "") {
				candidates = append(candidates, n+"."+c.Party.Group)
			}
		}
	}
	return e.unknown(e.target.Name, candidates)
}
