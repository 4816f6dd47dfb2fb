package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
)

// findUnavailable finds APIServices whose backend can be found and does not answer as it should.
func findUnavailable(f Facts) []Finding {
	var out []Finding
	views := f.remotes()
	for i := range views {
		v := &views[i]
		if v.Condition.Status == apiregistrationv1.ConditionFalse && v.Condition.Reason == availability.ReasonFailedDiscoveryCheck {
			w := f.atAPIService(v)
			w.Path = availability.Path(v.Object.Spec.Group, v.Object.Spec.Version)
			one := Finding{Message: v.Object.Name + " is unavailable: " + v.Condition.Message, Where: w, Mend: advice(v.Mend)}
			f.pointElsewhere(&one, v.Object.Name)
			out = append(out, one)
		}
	}
	return out
}

// pointElsewhere says in a finding about an APIService which other backend lists its group-version.
func (f Facts) pointElsewhere(one *Finding, apiService string) {
	elsewhere := f.listedElsewhere(apiService)
	if len(elsewhere) == 0 {
		return
	}
	one.Message += "; " + strings.Join(elsewhere, " and ") + " lists it"
	one.Mend = fmt.Sprintf("Correct spec.service of APIService %s to %s.", apiService, strings.Join(elsewhere, " or "))
}

// findStale finds group-versions that are stale though their APIService is available: else that is what to mend.
func findStale(f Facts) []Finding {
	if f.Replay == nil {
		return nil
	}
	failed := map[string]bool{}
	for _, in := range f.Replay.Snapshot.DiscoveryInputs() {
		failed[in.APIService] = in.Failure != ""
	}
	var out []Finding
	for _, d := range f.decided(discoverymerge.RuleStale) {
		name := d.Winner.APIService
		if failed[name] && f.Replay.Snapshot.Conditions[name].Status == apiregistrationv1.ConditionTrue {
			out = append(out, Finding{Message: d.Outcome, Where: f.atVersion(name, d.Subject.Group, d.Subject.Version)})
		}
	}
	return out
}

// findNotListed finds APIServices that their backend does not list.
func findNotListed(f Facts) []Finding {
	var out []Finding
	for _, d := range f.decided(discoverymerge.RuleNotListed) {
		if f.remote(d.Winner) {
			w := f.atName(d.Winner.APIService)
			w.Path = "/apis"
			one := Finding{Message: d.Outcome, Where: w}
			f.pointElsewhere(&one, d.Winner.APIService)
			out = append(out, one)
		}
	}
	return out
}

// findUnclaimed finds group-versions that backends list and no APIService sends to them.
func findUnclaimed(f Facts) []Finding {
	decisions := f.unclaimed()
	out := make([]Finding, 0, len(decisions))
	for _, d := range decisions {
		one := Finding{Message: d.Outcome, Where: Where{Backend: d.Losers[0].Backend, Path: "/apis"}}
		if d.Winner.APIService != "" {
			one.Mend = fmt.Sprintf("Correct spec.service of APIService %s to %s, or stop serving it there.", d.Winner.APIService, d.Losers[0].Backend)
		}
		out = append(out, one)
	}
	return out
}

// unclaimed are the decisions about group-versions that backends list now and no APIService sends to them. What a
// backend listed before it became unavailable is no news of it.
func (f Facts) unclaimed() []discoverymerge.Decision {
	answers := map[string]bool{}
	views := f.remotes()
	for i := range views {
		answers[views[i].Backend] = answers[views[i].Backend] || views[i].Condition.Status == apiregistrationv1.ConditionTrue
	}
	return slices.DeleteFunc(f.decided(discoverymerge.RuleUnclaimed), func(d discoverymerge.Decision) bool {
		// The same Service is one that another APIService trusts otherwise.
		return d.Winner.Backend == d.Losers[0].Backend || !answers[d.Losers[0].Backend]
	})
}

// listedElsewhere are the backends that list an APIService's group-version, and that it does not go to.
func (f Facts) listedElsewhere(apiService string) []string {
	var out []string
	for _, d := range f.unclaimed() {
		if d.Winner.APIService == apiService && !slices.Contains(out, d.Losers[0].Backend) {
			out = append(out, d.Losers[0].Backend)
		}
	}
	return out
}

// atVersion is the place of a group-version in its backend's discovery.
func (f Facts) atVersion(apiService, group, version string) Where {
	w := f.atName(apiService)
	w.Path = availability.Path(group, version)
	return w
}

// listed is a group-version that a backend lists, and the APIService that sends it there.
type listed struct {
	*discoverymerge.Input
	where Where
}

// listings are those of all backends.
func (f Facts) listings() []listed {
	if f.Replay == nil {
		return nil
	}
	var out []listed
	inputs := f.Replay.Snapshot.DiscoveryInputs()
	for i := range inputs {
		if in := &inputs[i]; in.APIService != "" && !in.Local && in.Entry != nil {
			out = append(out, listed{in, f.atVersion(in.APIService, in.Group, in.Version)})
		}
	}
	return out
}

// findEmpty finds group-versions without resources.
func findEmpty(f Facts) []Finding {
	var out []Finding
	for _, l := range f.listings() {
		if len(l.Entry.Resources) == 0 {
			out = append(out, Finding{Message: fmt.Sprintf("%s lists %s/%s without a resource", l.Backend, l.Group, l.Version), Where: l.where})
		}
	}
	return out
}

// eachResource makes a finding of each resource that says, a message with %s for the resource's name, is not "" for.
func eachResource(says func(*apidiscoveryv2.APIResourceDiscovery) string) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		for _, l := range f.listings() {
			for i := range l.Entry.Resources {
				r := &l.Entry.Resources[i]
				if message := says(r); message != "" {
					w := l.where
					w.Object = r.Resource
					out = append(out, Finding{Message: fmt.Sprintf(message, r.Resource+"."+l.Version+"."+l.Group), Where: w})
				}
			}
		}
		return out
	}
}

// noVerbs leaves out what an APIResourceList makes of subresources without their resource, as metrics adapters list.
func noVerbs(r *apidiscoveryv2.APIResourceDiscovery) string {
	if len(r.Verbs) == 0 && !noResponseKind(r) {
		return "the resource %s is listed without verbs"
	}
	return ""
}

func noKind(r *apidiscoveryv2.APIResourceDiscovery) string {
	if noResponseKind(r) && len(r.Subresources) == 0 {
		return "the resource %s is listed without a kind"
	}
	return ""
}

func noResponseKind(r *apidiscoveryv2.APIResourceDiscovery) bool {
	return r.ResponseKind == nil || *r.ResponseKind == metav1.GroupVersionKind{} || r.ResponseKind.Kind == ""
}

// names are what the resources of one group may be called: resources by name.
type names map[string]map[string]bool

func (n names) add(name, resource string) {
	if name == "" {
		return
	}
	if n[name] == nil {
		n[name] = map[string]bool{}
	}
	n[name][resource] = true
}

// groupNames are a group's names, and where it was first seen.
type groupNames struct {
	full, short, singular names
	first                 listed
}

func (f Facts) groupNames() map[string]*groupNames {
	out := map[string]*groupNames{}
	for _, l := range f.listings() {
		g := out[l.Group]
		if g == nil {
			g = &groupNames{full: names{}, short: names{}, singular: names{}, first: l}
			out[l.Group] = g
		}
		for i := range l.Entry.Resources {
			r := &l.Entry.Resources[i]
			if noResponseKind(r) {
				continue
			}
			g.full.add(r.Resource, r.Resource)
			g.singular.add(r.SingularResource, r.Resource)
			for _, s := range r.ShortNames {
				g.short.add(s, r.Resource)
			}
		}
	}
	return out
}

// findDuplicateShortNames finds short names that mean more than one resource of a group.
func findDuplicateShortNames(f Facts) []Finding {
	return f.duplicates("short name", func(g *groupNames) (of, beside names) {
		beside = names{}
		for _, other := range []names{g.full, g.singular} {
			for name, resources := range other {
				for resource := range resources {
					beside.add(name, resource)
				}
			}
		}
		return g.short, beside
	})
}

// findDuplicateSingulars finds singulars that mean more than one resource of a group.
func findDuplicateSingulars(f Facts) []Finding {
	return f.duplicates("singular", func(g *groupNames) (of, beside names) { return g.singular, g.full })
}

// duplicates finds the names in of that mean several resources of a group, counting what they mean in beside.
func (f Facts) duplicates(what string, pick func(*groupNames) (of, beside names)) []Finding {
	var out []Finding
	for group, g := range f.groupNames() {
		of, beside := pick(g)
		for name, resources := range of {
			all := maps.Clone(resources)
			maps.Copy(all, beside[name])
			if len(all) < 2 {
				continue
			}
			w := g.first.where
			w.Object = name
			out = append(out, Finding{
				Message: fmt.Sprintf("the %s %q of %s means %s", what, name, group, strings.Join(slices.Sorted(maps.Keys(all)), " and ")),
				Where:   w,
			})
		}
	}
	return out
}

// findHidden finds APIServices with a service that take a group-version from what is served locally.
func findHidden(f Facts) []Finding {
	var out []Finding
	for _, d := range f.decided(discoverymerge.RuleSourcePrecedence) {
		if d.Winner.Backend != aggregator.LocalBackend {
			out = append(out, Finding{Message: d.Outcome, Where: f.atVersion(d.Winner.APIService, d.Subject.Group, d.Subject.Version)})
		}
	}
	return out
}
