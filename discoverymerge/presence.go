package discoverymerge

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// sourceDecision says which source of a group-version is shown.
func sourceDecision(winner claim, others []claim) Decision {
	party := func(c claim) Party {
		p := inputParty(c.Input)
		p.Value = "source " + c.source.String()
		return p
	}
	losers := make([]Party, 0, len(others))
	names := make([]string, 0, len(others))
	for _, other := range others {
		losers = append(losers, party(other))
		names = append(names, other.source.String())
	}
	return Decision{
		Subject:  versionSubject(winner.Input),
		Rule:     RuleSourcePrecedence,
		Document: DocumentAggregated,
		Outcome: fmt.Sprintf("%s is shown as source %s has it (%s), not as %s has it",
			winner.groupVersion(), winner.source, winner.Backend, strings.Join(names, " or ")),
		Winner: party(winner),
		Losers: losers,
	}
}

// decidePresence says which group-versions are in one document only, or in none.
func decidePresence(p parts, aggregated, unaggregated []group, rec *recorder) {
	served, listed := index(aggregated), index(unaggregated)
	for _, in := range p.unclaimed {
		rec.add(unclaimedDecision(in, served[in.key()]))
	}
	for _, c := range p.unaggregated {
		if served[c.key()] == nil {
			rec.add(Decision{
				Subject: versionSubject(c.Input),
				Rule:    RuleLocalNotServed,
				Outcome: fmt.Sprintf("%s names %s local, but it is not served here: the unaggregated list has it, "+
					"the aggregated document has not", c.APIService, c.groupVersion()),
				Winner: inputParty(c.Input),
			})
		}
	}
	for _, c := range p.aggregated {
		if c.Local && listed[c.key()] == nil && !isAPIRegistration(c.Input) {
			rec.add(Decision{
				Subject: versionSubject(c.Input),
				Rule:    RuleDelegateOnly,
				Outcome: fmt.Sprintf("%s is served without an APIService: the aggregated document has it, "+
					"the unaggregated list has not", c.groupVersion()),
				Winner: inputParty(c.Input),
			})
		}
	}
}

func unclaimedDecision(in *Input, server *claim) Decision {
	d := Decision{
		Subject: versionSubject(in),
		Rule:    RuleUnclaimed,
		Outcome: fmt.Sprintf("%s lists %s, which no APIService sends to it: it is left out",
			in.Backend, in.groupVersion()),
		Losers: []Party{inputParty(in)},
	}
	if server != nil {
		d.Winner = inputParty(server.Input)
		d.Outcome = fmt.Sprintf("%s lists %s, which goes to %s: its answer is left out",
			in.Backend, in.groupVersion(), server.Backend)
	}
	return d
}

// decideEntries says of each group-version in the aggregated document how good its entry is, and of each group
// over how many backends it is split.
func decideEntries(groups []group, q Quirks, rec *recorder) {
	for i := range groups {
		for v := range groups[i].versions {
			decideEntry(groups[i].versions[v].Input, q, rec)
		}
	}
	for i := range groups {
		decideSplit(&groups[i], rec)
	}
}

func decideEntry(in *Input, q Quirks, rec *recorder) {
	d := Decision{Subject: versionSubject(in), Document: DocumentAggregated, Winner: inputParty(in)}
	switch {
	case in.stale():
		d.Rule = RuleStale
		d.Outcome = staleOutcome(in, q)
		if in.Entry != nil && in.dropsResources(q) {
			d.Quirk = quirkFailureDropsResources
		}
	case in.Entry == nil:
		d.Rule = RuleNotListed
		d.Outcome = fmt.Sprintf("%s answered without %s: it is shown as Current and without resources",
			in.Backend, in.groupVersion())
	case !in.Local && in.Form == FormLegacy:
		d.Rule = RuleLegacyForm
		d.Outcome = fmt.Sprintf("%s has no aggregated discovery: %s is what its own legacy document says",
			in.Backend, in.groupVersion())
	default:
		return
	}
	rec.add(d)
}

func staleOutcome(in *Input, q Quirks) string {
	reason := in.Failure
	if reason == "" {
		reason = in.Backend + " has not answered yet"
	}
	switch {
	case in.Entry == nil:
		return fmt.Sprintf("%s is Stale and without resources: %s", in.groupVersion(), reason)
	case in.dropsResources(q):
		return fmt.Sprintf("%s is Stale and what it listed before (%d) is dropped: %s",
			in.groupVersion(), len(in.Entry.Resources), reason)
	}
	return fmt.Sprintf("%s is Stale, what it listed before (%d) is kept: %s",
		in.groupVersion(), len(in.Entry.Resources), reason)
}

// decideSplit is for groups whose versions have several backends.
func decideSplit(g *group, rec *recorder) {
	first := &g.versions[0]
	var losers []Party
	for i := range g.versions {
		if g.versions[i].Backend != first.Backend {
			losers = append(losers, inputParty(g.versions[i].Input))
		}
	}
	if len(losers) == 0 {
		return
	}
	described := make([]string, 0, len(g.versions))
	for i := range g.versions {
		described = append(described, g.versions[i].Version+" by "+g.versions[i].Backend)
	}
	rec.add(Decision{
		Subject:  groupSubject(g.name),
		Rule:     RuleGroupSplit,
		Document: DocumentAggregated,
		Outcome:  fmt.Sprintf("%s is served %s", groupTitle(g.name), strings.Join(described, ", ")),
		Winner:   inputParty(first.Input),
		Losers:   losers,
	})
}

func (in *Input) key() schema.GroupVersion {
	return schema.GroupVersion{Group: in.Group, Version: in.Version}
}

// index finds the claim of a group-version that is in a document.
func index(groups []group) map[schema.GroupVersion]*claim {
	claims := map[schema.GroupVersion]*claim{}
	for i := range groups {
		for v := range groups[i].versions {
			c := &groups[i].versions[v]
			claims[c.key()] = c
		}
	}
	return claims
}
