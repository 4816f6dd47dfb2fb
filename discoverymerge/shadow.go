package discoverymerge

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// resourceClaim is one group's resource that a name may stand for.
type resourceClaim struct {
	party Party
	// place counts the groups from the first, the core group being 0 if the delegate has one.
	place int
	kind  string
	// form says what the name is to the resource.
	form NameForm
}

// valued is the party with its place, written only for the few claims that a decision is about.
func (c resourceClaim) valued() Party {
	party := c.party
	party.Value = fmt.Sprintf("group %d in order", c.place+1)
	return party
}

// nameTable is what each name stands for, the first choice first, with one entry for each group and resource.
type nameTable map[string][]resourceClaim

func (t nameTable) add(name string, c resourceClaim) {
	known := slices.ContainsFunc(t[name], func(o resourceClaim) bool {
		return o.party.Group == c.party.Group && o.party.Resource == c.party.Resource
	})
	if name != "" && !known {
		t[name] = append(t[name], c)
	}
}

// nameTables is the names that kubectl knows.
type nameTables struct {
	// full has plurals and singulars.
	full nameTable
	// exact has the plurals and the singulars that are spelt out in discovery, each of which keeps kubectl from
	// expanding a short name.
	exact nameTable
	short nameTable
	// kinds is asked for what is no resource's name.
	kinds nameTable
}

func newNameTables() *nameTables {
	return &nameTables{full: nameTable{}, exact: nameTable{}, short: nameTable{}, kinds: nameTable{}}
}

// decideShadows says which resource a client means by a name that several groups have, when it names no group.
// It follows client-go: RESTMapper and shortcut expander read the aggregated document, core group first, without
// what is Stale and without resources that have no kind.
func decideShadows(core []*Input, groups []group, document *apidiscoveryv2.APIGroupDiscoveryList, rec *recorder) *nameTables {
	tables := newNameTables()
	place := 0
	for _, in := range core {
		if in.Entry != nil {
			tables.addResources(inputParty(in), 0, in.Entry.Resources)
			place = 1
		}
	}
	// A core group that an APIService put into the document comes first too, whatever its place.
	for _, coreGroup := range []bool{true, false} {
		for i := range groups {
			if (groups[i].name == "") == coreGroup {
				tables.addGroup(&groups[i], place+i, document.Items[i].Versions)
			}
		}
	}
	tables.decide(rec)
	return tables
}

// decide gives each name away. A short name is expanded first, unless a plural or a singular is spelt like it; a
// singular that was only guessed from the kind comes after it.
func (t *nameTables) decide(rec *recorder) {
	for _, name := range slices.Sorted(maps.Keys(t.full)) {
		if len(t.short[name]) == 0 || len(t.exact[name]) > 0 {
			decideShadow(name, RuleResourceNameShadowed, t.full[name], rec)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.short)) {
		choices := t.choices(name)
		if len(t.exact[name]) > 0 {
			choices = slices.Concat(t.full[name][:1], t.short[name])
		}
		decideShadow(name, RuleShortNameShadowed, choices, rec)
	}
}

// choices are all that a name may stand for, what it stands for first.
func (t *nameTables) choices(name string) []resourceClaim {
	if len(t.exact[name]) > 0 {
		return slices.Concat(t.full[name], t.short[name])
	}
	return slices.Concat(t.short[name], t.full[name])
}

func (t *nameTables) addGroup(g *group, place int, versions []apidiscoveryv2.APIVersionDiscovery) {
	for v := range versions {
		if versions[v].Freshness != apidiscoveryv2.DiscoveryFreshnessStale {
			t.addResources(inputParty(g.versions[v].Input), place, versions[v].Resources)
		}
	}
}

func (t *nameTables) addResources(party Party, place int, resources []apidiscoveryv2.APIResourceDiscovery) {
	for i := range resources {
		resource := &resources[i]
		if resource.ResponseKind == nil || *resource.ResponseKind == (metav1.GroupVersionKind{}) {
			continue
		}
		party.Resource = resource.Resource
		c := resourceClaim{party: party, place: place, kind: resource.ResponseKind.Kind}
		c.form = NamePlural
		t.exact.add(resource.Resource, c)
		t.full.add(resource.Resource, c)
		c.form = NameSingular
		t.exact.add(resource.SingularResource, c)
		singular := resource.SingularResource
		if singular == "" {
			singular = strings.ToLower(resource.ResponseKind.Kind)
		}
		t.full.add(singular, c)
		c.form = NameShort
		for _, name := range resource.ShortNames {
			t.short.add(name, c)
		}
		c.form = NameKind
		t.kinds.add(resource.ResponseKind.Kind, c)
	}
}

// decideShadow gives the name to the first choice. Losers of the winner's own group are not told: the group's
// author knows them.
func decideShadow(name string, rule Rule, choices []resourceClaim, rec *recorder) {
	winner := choices[0]
	var losers []Party
	var titles []string
	for _, choice := range choices[1:] {
		if choice.party.Group == winner.party.Group {
			continue
		}
		loser := choice.valued()
		// A guessed singular loses to a short name even from an earlier group.
		loser.Margin = max(0, int64(choice.place)-int64(winner.place))
		losers = append(losers, loser)
		titles = append(titles, qualified(loser))
	}
	if len(losers) == 0 {
		return
	}
	what := "resource name"
	if rule == RuleShortNameShadowed {
		what = "short name"
	}
	rec.add(Decision{
		Subject:  Subject{Kind: SubjectResource, Resource: name},
		Rule:     rule,
		Document: DocumentAggregated,
		Outcome: fmt.Sprintf("%s %q means %s to kubectl, not %s; name the group to get the other",
			what, name, qualified(winner.party), strings.Join(titles, " or ")),
		Winner: winner.valued(),
		Losers: losers,
	})
}

// qualified is "resource.group", the form that kubectl takes.
func qualified(party Party) string {
	if party.Group == "" {
		return party.Resource
	}
	return party.Resource + "." + party.Group
}
