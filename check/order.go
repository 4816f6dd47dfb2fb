package check

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/version"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/discoverymerge"
)

const (
	// builtinPriority is below the groupPriorityMinimum of every group that a kube-apiserver has built in.
	builtinPriority = 15000
	// usualVersionPriority is the highest that is usual: "in the 10s", and 100 for CustomResourceDefinitions.
	usualVersionPriority = 100
)

// decided returns the decisions of the discovery merge by one rule.
func (f Facts) decided(rule discoverymerge.Rule) []discoverymerge.Decision {
	if f.Replay == nil {
		return nil
	}
	var out []discoverymerge.Decision
	for _, d := range f.Replay.Snapshot.Discovery().Decisions {
		if d.Rule == rule {
			out = append(out, d)
		}
	}
	return out
}

// remote tells whether a party of a decision is an APIService with a backend.
func (f Facts) remote(p discoverymerge.Party) bool {
	if p.APIService == "" {
		return false
	}
	views := f.remotes()
	for i := range views {
		if views[i].Object.Name == p.APIService {
			return true
		}
	}
	return false
}

// decidedAbout makes a finding of each decision by the rule that a remote APIService took part in, a loser rather
// than the winner.
func decidedAbout(rule discoverymerge.Rule) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		for _, d := range f.decided(rule) {
			for _, p := range append(append([]discoverymerge.Party(nil), d.Losers...), d.Winner) {
				if f.remote(p) {
					out = append(out, Finding{Message: d.Outcome, Where: f.atName(p.APIService)})
					break
				}
			}
		}
		return out
	}
}

// findHighGroupPriority finds groups that come before those of Kubernetes.
func findHighGroupPriority(f Facts) []Finding {
	var out []Finding
	views := f.remotes()
	for i := range views {
		spec := &views[i].Object.Spec
		if spec.GroupPriorityMinimum < builtinPriority || strings.HasSuffix(spec.Group, ".k8s.io") {
			continue
		}
		out = append(out, Finding{
			Message: fmt.Sprintf("%s has groupPriorityMinimum %d; the built-in groups have 15800 to 18000", views[i].Object.Name, spec.GroupPriorityMinimum),
			Where:   f.atAPIService(&views[i]),
		})
	}
	return out
}

// findHighVersionPriority finds version priorities that leave no room.
func findHighVersionPriority(f Facts) []Finding {
	var out []Finding
	views := f.remotes()
	for i := range views {
		if p := views[i].Object.Spec.VersionPriority; p > usualVersionPriority {
			out = append(out, Finding{
				Message: fmt.Sprintf("%s has versionPriority %d; usual are 10 to %d", views[i].Object.Name, p, usualVersionPriority),
				Where:   f.atAPIService(&views[i]),
			})
		}
	}
	return out
}

// stability ranks GA before beta before alpha, as their names say it; 0 is for names that say nothing.
func stability(version string) int {
	match := stable.FindStringSubmatch(version)
	switch {
	case match == nil:
		return 0
	case match[1] == "":
		return 3
	case match[1] == "beta":
		return 2
	}
	return 1
}

var stable = regexp.MustCompile(`^v[1-9]\d*(?:(alpha|beta)[1-9]\d*)?$`)

// findPreferredLessStable finds groups whose preferred version, by versionPriority, is less stable than another.
func findPreferredLessStable(f Facts) []Finding {
	groups := map[string][]*aggregator.APIServiceView{}
	views := f.remotes()
	for i := range views {
		groups[views[i].Object.Spec.Group] = append(groups[views[i].Object.Spec.Group], &views[i])
	}
	var out []Finding
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b *aggregator.APIServiceView) int {
			return cmp.Or(cmp.Compare(b.Object.Spec.VersionPriority, a.Object.Spec.VersionPriority),
				version.CompareKubeAwareVersionStrings(b.Object.Spec.Version, a.Object.Spec.Version))
		})
		first := group[0]
		rank := stability(first.Object.Spec.Version)
		at := slices.IndexFunc(group, func(v *aggregator.APIServiceView) bool { return stability(v.Object.Spec.Version) > rank })
		if rank == 0 || at < 0 {
			continue
		}
		one, other := &first.Object.Spec, &group[at].Object.Spec
		out = append(out, Finding{
			Message: fmt.Sprintf("%s prefers %s, of versionPriority %d, to %s, of %d", one.Group, one.Version, one.VersionPriority, other.Version, other.VersionPriority),
			Where:   f.atAPIService(first),
			Mend: fmt.Sprintf("Give %s a higher versionPriority than %s. Nothing is to be done where people are to get %s.",
				other.Version, one.Version, one.Version),
		})
	}
	return out
}

// findGroupTies finds groups of two backends that only their names put in order.
func findGroupTies(f Facts) []Finding {
	first := map[string]string{}
	views := f.remotes()
	for i := range views {
		if _, known := first[views[i].Object.Spec.Group]; !known {
			first[views[i].Object.Spec.Group] = views[i].Object.Name
		}
	}
	var out []Finding
	for _, d := range f.decided(discoverymerge.RuleGroupName) {
		loser, ok := first[d.Losers[0].Group]
		if _, both := first[d.Winner.Group]; ok && both {
			out = append(out, Finding{Message: d.Outcome, Where: f.atName(loser)})
		}
	}
	return out
}

// findLocalNotServed finds APIServices without a service that nothing here serves.
func findLocalNotServed(f Facts) []Finding {
	if f.Replay == nil || f.Replay.Recording.Local == nil {
		return nil
	}
	var out []Finding
	for _, d := range f.decided(discoverymerge.RuleLocalNotServed) {
		out = append(out, Finding{Message: d.Outcome, Where: f.atName(d.Winner.APIService)})
	}
	return out
}
