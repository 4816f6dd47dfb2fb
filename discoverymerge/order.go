package discoverymerge

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/version"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// compareGroups is the order of the aggregated document.
func compareGroups(a, b group) int {
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.name, b.name))
}

// compareGroupsFor is the order of the unaggregated list.
func compareGroupsFor(q Quirks) func(a, b group) int {
	if !q.UnaggregatedTieByName {
		return compareGroups
	}
	return func(a, b group) int {
		return cmp.Or(
			cmp.Compare(b.priority, a.priority),
			cmp.Compare(a.firstName, b.firstName),
			cmp.Compare(a.name, b.name),
		)
	}
}

// compareVersions is the order of the versions within a group. Versions like v1 and v01 are equal to upstream,
// which leaves their order to chance; here the text decides.
func compareVersions(a, b claim) int {
	return cmp.Or(
		cmp.Compare(b.versionPriority, a.versionPriority),
		version.CompareKubeAwareVersionStrings(b.Version, a.Version),
		cmp.Compare(a.Version, b.Version),
	)
}

// decideOrder says why the groups and the versions are in the order in which they are.
func decideOrder(aggregated, unaggregated []group, q Quirks, rec *recorder) {
	if len(unaggregated) > 0 {
		rec.add(Decision{
			Subject:  groupSubject(apiregistrationv1.GroupName),
			Rule:     RuleAPIRegistrationFirst,
			Document: DocumentUnaggregated,
			Outcome:  apiregistrationv1.GroupName + " comes before every other group, because the aggregator serves it",
			Winner: Party{
				Group: apiregistrationv1.GroupName, Version: apiregistrationv1.SchemeGroupVersion.Version, Backend: "local",
			},
		})
	}
	for i := range aggregated {
		decideHighestPriority(&aggregated[i], rec)
	}
	for i := 1; i < len(aggregated); i++ {
		rec.add(groupOrderDecision(&aggregated[i-1], &aggregated[i], DocumentAggregated, q))
	}
	decideUnaggregatedOrder(aggregated, unaggregated, q, rec)
	for i := range aggregated {
		decideVersions(&aggregated[i], rec)
	}
	decidePreferred(aggregated, unaggregated, rec)
}

// decideUnaggregatedOrder gives only the neighbours that the aggregated document does not have in this order.
func decideUnaggregatedOrder(aggregated, unaggregated []group, q Quirks, rec *recorder) {
	place := make(map[string]int, len(aggregated))
	for i := range aggregated {
		place[aggregated[i].name] = i
	}
	for i := 1; i < len(unaggregated); i++ {
		first, second := &unaggregated[i-1], &unaggregated[i]
		firstPlace, inFirst := place[first.name]
		secondPlace, inSecond := place[second.name]
		if inFirst && inSecond && firstPlace < secondPlace {
			continue
		}
		rec.add(groupOrderDecision(first, second, DocumentUnaggregated, q))
	}
}

// groupOrderDecision says why the first of two neighbours comes before the second.
func groupOrderDecision(first, second *group, document Document, q Quirks) Decision {
	d := Decision{
		Subject:  groupSubject(first.name),
		Document: document,
		Winner:   Party{Group: first.name, Value: groupPriorityValue(first.priority)},
		Losers:   []Party{{Group: second.name, Value: groupPriorityValue(second.priority)}},
	}
	switch {
	case first.priority != second.priority:
		margin := int64(first.priority) - int64(second.priority)
		d.Rule = RuleGroupPriority
		d.Losers[0].Margin = margin
		d.Outcome = fmt.Sprintf("%s comes before %s: groupPriorityMinimum %d is higher than %d, by %d",
			groupTitle(first.name), groupTitle(second.name), first.priority, second.priority, margin)
	case document == DocumentUnaggregated && q.UnaggregatedTieByName:
		d.Rule = RuleGroupAPIServiceName
		d.Winner.APIService, d.Losers[0].APIService = first.firstName, second.firstName
		d.Outcome = fmt.Sprintf("%s comes before %s: both have groupPriorityMinimum %d, and APIService %s sorts before %s",
			groupTitle(first.name), groupTitle(second.name), first.priority, first.firstName, second.firstName)
		if first.name > second.name {
			d.Quirk = quirkUnaggregatedTieByName
		}
	default:
		d.Rule = RuleGroupName
		d.Outcome = fmt.Sprintf("%s comes before %s: both have groupPriorityMinimum %d, and the name sorts first",
			groupTitle(first.name), groupTitle(second.name), first.priority)
	}
	return d
}

// decideHighestPriority is for groups whose versions ask for different priorities.
func decideHighestPriority(g *group, rec *recorder) {
	var highest *claim
	var losers []Party
	for i := range g.versions {
		version := &g.versions[i]
		if version.groupPriority == g.priority {
			if highest == nil {
				highest = version
			}
			continue
		}
		party := inputParty(version.Input)
		party.Value = groupPriorityValue(version.groupPriority)
		party.Margin = int64(g.priority) - int64(version.groupPriority)
		losers = append(losers, party)
	}
	if len(losers) == 0 {
		return
	}
	winner := inputParty(highest.Input)
	winner.Value = groupPriorityValue(g.priority)
	rec.add(Decision{
		Subject:  groupSubject(g.name),
		Rule:     RuleGroupHighestPriority,
		Document: DocumentAggregated,
		Outcome: fmt.Sprintf("%s has groupPriorityMinimum %d, the highest of its versions (%s)",
			groupTitle(g.name), g.priority, highest.Version),
		Winner: winner,
		Losers: losers,
	})
}

// decideVersions says of each two neighbours in a group why they are in this order.
func decideVersions(g *group, rec *recorder) {
	for i := 1; i < len(g.versions); i++ {
		first, second := &g.versions[i-1], &g.versions[i]
		winner, loser := versionParty(first), versionParty(second)
		d := Decision{Subject: versionSubject(first.Input), Document: DocumentAggregated}
		if margin := int64(first.versionPriority) - int64(second.versionPriority); margin != 0 {
			loser.Margin = margin
			d.Rule = RuleVersionPriority
			d.Outcome = fmt.Sprintf("%s comes before %s: versionPriority %d is higher than %d, by %d",
				first.groupVersion(), second.Version, first.versionPriority, second.versionPriority, margin)
		} else {
			d.Rule = RuleVersionKubeAware
			d.Outcome = fmt.Sprintf("%s comes before %s: both have versionPriority %d, and %s is the more mature or the newer",
				first.groupVersion(), second.Version, first.versionPriority, first.Version)
		}
		d.Winner, d.Losers = winner, []Party{loser}
		rec.add(d)
	}
}

// decidePreferred gives the preferred version of each group with several, and of the unaggregated list those
// groups where it is another one.
func decidePreferred(aggregated, unaggregated []group, rec *recorder) {
	preferred := make(map[string]string, len(aggregated))
	for i := range aggregated {
		g := &aggregated[i]
		preferred[g.name] = g.versions[0].Version
		if len(g.versions) > 1 {
			rec.add(preferredDecision(g, DocumentAggregated))
		}
	}
	for i := range unaggregated {
		g := &unaggregated[i]
		if version, known := preferred[g.name]; known && version != g.versions[0].Version {
			rec.add(preferredDecision(g, DocumentUnaggregated))
		}
	}
}

func preferredDecision(g *group, document Document) Decision {
	first := &g.versions[0]
	var outcome strings.Builder
	fmt.Fprintf(&outcome, "%s is the preferred version of %s", first.Version, groupTitle(g.name))
	if document == DocumentAggregated && first.stale() {
		outcome.WriteString(", but it is Stale: clients of this document " + fallbackVersion(g))
	}
	losers := make([]Party, 0, len(g.versions)-1)
	for i := 1; i < len(g.versions); i++ {
		loser := versionParty(&g.versions[i])
		loser.Margin = int64(first.versionPriority) - int64(g.versions[i].versionPriority)
		losers = append(losers, loser)
	}
	return Decision{
		Subject:  groupSubject(g.name),
		Rule:     RulePreferredVersion,
		Document: document,
		Outcome:  outcome.String(),
		Winner:   versionParty(first),
		Losers:   losers,
	}
}

// fallbackVersion is what client-go's SplitGroupsAndResources does about a Stale preferred version.
func fallbackVersion(g *group) string {
	for i := range g.versions {
		if !g.versions[i].stale() {
			return "prefer " + g.versions[i].Version
		}
	}
	return "see no version of the group"
}

func versionParty(c *claim) Party {
	party := inputParty(c.Input)
	party.Value = fmt.Sprintf("versionPriority %d", c.versionPriority)
	return party
}

func groupPriorityValue(priority int32) string {
	return fmt.Sprintf("groupPriorityMinimum %d", priority)
}

// groupTitle is a group's name for a person.
func groupTitle(name string) string {
	if name == "" {
		return "the core group"
	}
	return name
}
