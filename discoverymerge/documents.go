package discoverymerge

import (
	"fmt"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// aggregatedDocument writes the sorted groups as the v2 document.
func aggregatedDocument(groups []group, q Quirks) *apidiscoveryv2.APIGroupDiscoveryList {
	list := &apidiscoveryv2.APIGroupDiscoveryList{
		TypeMeta: metav1.TypeMeta{
			Kind:       "APIGroupDiscoveryList",
			APIVersion: apidiscoveryv2.SchemeGroupVersion.String(),
		},
		Items: make([]apidiscoveryv2.APIGroupDiscovery, 0, len(groups)),
	}
	for _, g := range groups {
		item := apidiscoveryv2.APIGroupDiscovery{
			ObjectMeta: metav1.ObjectMeta{Name: g.name},
			Versions:   make([]apidiscoveryv2.APIVersionDiscovery, 0, len(g.versions)),
		}
		for _, version := range g.versions {
			item.Versions = append(item.Versions, entryOf(version.Input, q))
		}
		list.Items = append(list.Items, item)
	}
	return list
}

// entryOf is what the aggregated document says about one group-version.
func entryOf(in *Input, q Quirks) apidiscoveryv2.APIVersionDiscovery {
	var entry apidiscoveryv2.APIVersionDiscovery
	if in.Entry != nil && !in.dropsResources(q) {
		entry = *in.Entry
	}
	entry.Version = in.Version
	entry.Freshness = apidiscoveryv2.DiscoveryFreshnessCurrent
	if in.stale() {
		entry.Freshness = apidiscoveryv2.DiscoveryFreshnessStale
	}
	return entry
}

// dropsResources tells that the entry is known but left out because the newest fetch failed. What the delegate
// serves is not fetched, and so not dropped.
func (in *Input) dropsResources(q Quirks) bool {
	return q.FailureDropsResources && !in.Local && in.Failure != ""
}

// unaggregatedDocument writes the sorted groups as the list, the aggregator's own group first.
func unaggregatedDocument(groups []group, q Quirks, rec *recorder) *metav1.APIGroupList {
	v1 := metav1.GroupVersionForDiscovery{
		GroupVersion: apiregistrationv1.SchemeGroupVersion.String(),
		Version:      apiregistrationv1.SchemeGroupVersion.Version,
	}
	list := &metav1.APIGroupList{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"},
		Groups: []metav1.APIGroup{{
			Name:             apiregistrationv1.GroupName,
			Versions:         []metav1.GroupVersionForDiscovery{v1},
			PreferredVersion: v1,
		}},
	}
	for _, g := range groups {
		if g.name == apiregistrationv1.GroupName {
			if rec != nil {
				rec.add(apiRegistrationTwiceDecision(g, q))
			}
			if !q.APIRegistrationTwice {
				continue
			}
		}
		item := metav1.APIGroup{
			Name:             g.name,
			Versions:         make([]metav1.GroupVersionForDiscovery, 0, len(g.versions)),
			PreferredVersion: groupVersionFor(g.versions[0].Input),
		}
		for _, version := range g.versions {
			item.Versions = append(item.Versions, groupVersionFor(version.Input))
		}
		list.Groups = append(list.Groups, item)
	}
	return list
}

func apiRegistrationTwiceDecision(g group, q Quirks) Decision {
	d := Decision{
		Subject:  groupSubject(g.name),
		Rule:     RuleAPIRegistrationTwice,
		Document: DocumentUnaggregated,
		Outcome: fmt.Sprintf("%s has an APIService (%s), which is left out: the aggregator serves the group itself",
			g.name, g.versions[0].APIService),
		Winner: Party{Group: g.name, Version: apiregistrationv1.SchemeGroupVersion.Version, Backend: "local"},
		Losers: make([]Party, 0, len(g.versions)),
	}
	if q.APIRegistrationTwice {
		d.Outcome = fmt.Sprintf("%s is listed twice: first by the aggregator itself, then by its APIService (%s)",
			g.name, g.versions[0].APIService)
		d.Quirk = quirkAPIRegistrationTwice
	}
	for _, version := range g.versions {
		d.Losers = append(d.Losers, inputParty(version.Input))
	}
	return d
}
