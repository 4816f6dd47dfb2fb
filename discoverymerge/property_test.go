package discoverymerge_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/restmapper"
	"pgregory.net/rapid"

	"github.com/kagg-project/kagg/discoverymerge"
)

// drawInputs draws anything: doubles, contradictions and nonsense too.
func drawInputs(t *rapid.T) []discoverymerge.Input {
	in := drawCluster(t).inputs()
	for range rapid.IntRange(0, 6).Draw(t, "wild inputs") {
		gv := groupVersions().Draw(t, "group-version")
		input := discoverymerge.Input{
			Group: gv.Group, Version: gv.Version,
			APIService:           rapid.SampledFrom([]string{"", gv.Version + "." + gv.Group, "odd"}).Draw(t, "name"),
			GroupPriorityMinimum: rapid.Int32Range(-1, 2).Draw(t, "group priority"),
			VersionPriority:      rapid.Int32Range(-1, 2).Draw(t, "version priority"),
			Local:                rapid.Bool().Draw(t, "local"),
			Source:               rapid.SampledFrom([]discoverymerge.Source{0, 100, 200, 7}).Draw(t, "source"),
			Backend:              rapid.SampledFrom(drawnBackends).Draw(t, "backend"),
			Form:                 rapid.SampledFrom([]discoverymerge.Form{"", "aggregated", "legacy", "none"}).Draw(t, "form"),
			Failure:              rapid.SampledFrom([]string{"", "connection refused"}).Draw(t, "failure"),
		}
		if rapid.Bool().Draw(t, "with entry") {
			list := backend{listed: map[schema.GroupVersion][]apidiscoveryv2.APIResourceDiscovery{gv: resources().Draw(t, "resources")}}
			entry := list.document().Items[0].Versions[0]
			input.Entry = &entry
		}
		in = append(in, input)
	}
	return in
}

func drawQuirks(t *rapid.T) discoverymerge.Quirks {
	return discoverymerge.Quirks{
		UnaggregatedTieByName: rapid.Bool().Draw(t, "tie by name"),
		FailureDropsResources: rapid.Bool().Draw(t, "failure drops resources"),
		CoreGroupInAggregated: rapid.Bool().Draw(t, "core group"),
		APIRegistrationTwice:  rapid.Bool().Draw(t, "apiregistration twice"),
	}
}

func encode(t *rapid.T, v any) string {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(data)
}

func clone(in []discoverymerge.Input) []discoverymerge.Input {
	out := slices.Clone(in)
	for i := range out {
		out[i].Entry = in[i].Entry.DeepCopy()
	}
	return out
}

func TestAnyOrderGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, quirks := drawInputs(t), drawQuirks(t)
		shuffled := rapid.Permutation(in).Draw(t, "permutation")
		before := clone(shuffled)
		want := encode(t, discoverymerge.Merge(in, quirks))
		got := discoverymerge.Merge(shuffled, quirks)
		if diff := cmp.Diff(want, encode(t, got)); diff != "" {
			t.Errorf("another order of the inputs gives another result (-drawn +shuffled):\n%s", diff)
		}
		if diff := cmp.Diff(before, shuffled); diff != "" {
			t.Errorf("the inputs were changed (-before +after):\n%s", diff)
		}
		documents := discoverymerge.Documents(shuffled, quirks)
		documents.Decisions = got.Decisions
		if diff := cmp.Diff(want, encode(t, documents)); diff != "" {
			t.Errorf("without decisions the documents are others (-Merge +Documents):\n%s", diff)
		}
	})
}

func TestDecisionsAreWhole(t *testing.T) {
	t.Parallel()
	upstream := map[discoverymerge.Rule]string{}
	for _, rule := range discoverymerge.Rules() {
		upstream[rule.Name] = rule.Upstream
	}
	rapid.Check(t, func(t *rapid.T) {
		for _, decision := range discoverymerge.Merge(drawInputs(t), drawQuirks(t)).Decisions {
			if decision.Upstream == "" || decision.Upstream != upstream[decision.Rule] {
				t.Errorf("decision by %s has upstream %q", decision.Rule, decision.Upstream)
			}
			if decision.Outcome == "" || decision.Subject.Kind == "" {
				t.Errorf("decision by %s is incomplete: %+v", decision.Rule, decision)
			}
			for _, loser := range decision.Losers {
				if loser.Margin < 0 {
					t.Errorf("decision by %s has a loser ahead of the winner: %+v", decision.Rule, decision)
				}
			}
		}
	})
}

// discovered is as much of a discovery client as kubectl's shortcut expander asks for.
type discovered struct {
	discovery.DiscoveryInterface
	groups    []*metav1.APIGroup
	resources []*metav1.APIResourceList
}

func (d *discovered) ServerGroupsAndResources() ([]*metav1.APIGroup, []*metav1.APIResourceList, error) {
	return d.groups, d.resources, nil
}

// newDiscovered is what client-go makes of an aggregated document.
func newDiscovered(document *apidiscoveryv2.APIGroupDiscoveryList) (*discovered, []*restmapper.APIGroupResources) {
	groups, byVersion, _ := discovery.SplitGroupsAndResources(*document)
	client := &discovered{}
	groupResources := make([]*restmapper.APIGroupResources, 0, len(groups.Groups))
	for i := range groups.Groups {
		group := &groups.Groups[i]
		client.groups = append(client.groups, group)
		versioned := map[string][]metav1.APIResource{}
		for _, version := range group.Versions {
			list := byVersion[schema.GroupVersion{Group: group.Name, Version: version.Version}]
			versioned[version.Version] = list.APIResources
			client.resources = append(client.resources, list)
		}
		groupResources = append(groupResources, &restmapper.APIGroupResources{Group: *group, VersionedResources: versioned})
	}
	return client, groupResources
}

func TestShadowedNamesAreThoseOfKubectl(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := slices.DeleteFunc(drawCluster(t).inputs(), func(in discoverymerge.Input) bool { return in.Group == "" })
		result := discoverymerge.Merge(in, drawQuirks(t))
		client, groupResources := newDiscovered(result.Aggregated)
		plain := restmapper.NewDiscoveryRESTMapper(groupResources)
		kubectl := restmapper.NewShortcutExpander(plain, client, nil)
		cases.Add(shortNames)

		told := map[string]bool{}
		for _, decision := range result.Decisions {
			if decision.Subject.Kind != discoverymerge.SubjectResource {
				continue
			}
			name := decision.Subject.Resource
			told[name] = true
			got, err := kubectl.ResourceFor(schema.GroupVersionResource{Resource: name})
			if meta.IsAmbiguousError(err) {
				// Two resources of one group-version have the name: kubectl refuses it, whatever the order.
				continue
			}
			if err != nil {
				t.Errorf("kubectl does not find %q: %v; the decision says: %s", name, err, decision.Outcome)
			}
			if got.Group != decision.Winner.Group {
				t.Errorf("kubectl takes %q for %s, the decision says: %s", name, got.GroupResource(), decision.Outcome)
			}
		}
		for _, name := range drawnNames {
			found, err := plain.ResourcesFor(schema.GroupVersionResource{Resource: name})
			if err == nil && !told[name] && slices.ContainsFunc(found, func(gvr schema.GroupVersionResource) bool {
				return gvr.Group != found[0].Group
			}) {
				t.Errorf("kubectl finds %v for %q, but no decision tells of it", found, name)
			}
		}
	})
}

// TestLookupIsThatOfKubectl asks the real shortcut expander for every name, with no group and with each.
func TestLookupIsThatOfKubectl(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := slices.DeleteFunc(drawCluster(t).inputs(), func(in discoverymerge.Input) bool { return in.Group == "" })
		result := discoverymerge.Merge(in, drawQuirks(t))
		client, groupResources := newDiscovered(result.Aggregated)
		kubectl := restmapper.NewShortcutExpander(restmapper.NewDiscoveryRESTMapper(groupResources), client, nil)
		cases.Add(shortNames)
		groups := []string{""}
		for _, group := range client.groups {
			groups = append(groups, group.Name)
		}
		for _, name := range slices.Concat(drawnNames, result.Names()) {
			for _, group := range groups {
				want, err := kubectl.ResourceFor(schema.GroupVersionResource{Group: group, Resource: name})
				if meta.IsAmbiguousError(err) {
					continue
				}
				got := result.Lookup(name, group)
				if len(got) > 0 && got[0].Form == discoverymerge.NameKind {
					got = nil // kubectl asks for kinds when it finds no resource
				}
				switch {
				case err != nil && len(got) > 0:
					t.Errorf("kubectl does not find %q in group %q: %v; Lookup finds %+v", name, group, err, got[0])
				case err == nil && len(got) == 0:
					t.Errorf("kubectl takes %q in group %q for %v, Lookup finds nothing", name, group, want)
				case err == nil:
					party := got[0].Party
					if found := (schema.GroupVersionResource{Group: party.Group, Version: party.Version, Resource: party.Resource}); found != want {
						t.Errorf("kubectl takes %q in group %q for %v, Lookup for %v", name, group, want, found)
					}
				}
			}
		}
	})
}
