package discoverymerge

import (
	"maps"
	"slices"
	"strings"
)

// NameForm says what a name is to the resource that it stands for.
type NameForm string

// The forms of a name.
const (
	NamePlural NameForm = "plural name"
	// NameSingular is the singular of discovery or, where it has none, the kind in lower case.
	NameSingular NameForm = "singular name"
	NameShort    NameForm = "short name"
	NameKind     NameForm = "kind"
)

// Choice is a resource that a name may stand for.
type Choice struct {
	// Party is who serves the resource: the first version of its group that is not Stale and has it. Its Value is
	// the group's place in the order.
	Party Party
	// Kind is the resource's kind.
	Kind string
	// Form is what the name is to the resource.
	Form NameForm
}

// Lookup returns what kubectl may take a name for, what it takes it for first; none if no resource that is not
// Stale has the name. group limits it to one group, as in NAME.GROUP, and where there is no such group to those
// that begin so; "" is any group, the core group included. It does as the shortcut expander and the RESTMapper of
// client-go do, which read the aggregated document. Safe for concurrent use.
func (r Result) Lookup(name, group string) []Choice {
	if r.names == nil {
		return nil
	}
	tables := r.names
	if group != "" {
		tables = tables.within(name, group)
	}
	claims := tables.choices(name)
	if lower := strings.ToLower(name); len(claims) == 0 && lower != name {
		// The RESTMapper lowers the case, and the shortcut expander before it does not.
		if group != "" {
			claims = r.names.within(lower, group).full[lower]
		} else {
			claims = tables.full[lower]
		}
	}
	if len(claims) == 0 {
		claims = tables.kinds[name]
	}
	choices := make([]Choice, 0, len(claims))
	for _, c := range claims {
		c = r.names.expanded(c)
		if !slices.ContainsFunc(choices, func(o Choice) bool { return o.Party.Group == c.party.Group && o.Party.Resource == c.party.Resource }) {
			choices = append(choices, Choice{Party: c.valued(), Kind: c.kind, Form: c.form})
		}
	}
	return choices
}

// expanded is what the RESTMapper finds for the plural and the group that a short name stands for: the version that
// it prefers need not have the short name.
func (t *nameTables) expanded(c resourceClaim) resourceClaim {
	if c.form != NameShort {
		return c
	}
	if found := t.within(c.party.Resource, c.party.Group).full[c.party.Resource]; len(found) > 0 {
		found[0].form = NameShort
		return found[0]
	}
	return c
}

// within is the tables' entries of a name in one group or, where none is, in groups that begin so.
func (t *nameTables) within(name, group string) *nameTables {
	for _, in := range []func(resourceClaim) bool{
		func(c resourceClaim) bool { return c.party.Group == group },
		func(c resourceClaim) bool { return strings.HasPrefix(c.party.Group, group) },
	} {
		only := newNameTables()
		found := false
		for _, pair := range [...][2]nameTable{{t.full, only.full}, {t.exact, only.exact}, {t.short, only.short}, {t.kinds, only.kinds}} {
			for _, c := range pair[0][name] {
				if in(c) {
					pair[1][name] = append(pair[1][name], c)
					found = true
				}
			}
		}
		if found {
			return only
		}
	}
	return newNameTables()
}

// Names returns every name that Lookup knows, sorted: plurals, singulars, short names and kinds.
func (r Result) Names() []string {
	if r.names == nil {
		return nil
	}
	all := map[string]bool{}
	for _, table := range []nameTable{r.names.full, r.names.short, r.names.kinds} {
		for name := range table {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
