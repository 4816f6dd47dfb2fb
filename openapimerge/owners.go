package openapimerge

import (
	"maps"
	"slices"
)

// holders are the inputs whose documents have a definition of the result.
type holders struct {
	owner   *Input
	sharers []*Input
}

// owners gives away whose each path and each definition of the result is.
func (m *merger2) owners() (paths map[string]*Input, definitions map[string]holders) {
	paths, definitions = make(map[string]*Input, len(m.paths)), make(map[string]holders, len(m.definitions))
	for name, entry := range m.paths {
		paths[name] = entry.owner
	}
	for name, def := range m.definitions {
		definitions[name] = holders{owner: def.owner, sharers: def.sharers}
	}
	return paths, definitions
}

// PathOwner returns whose document the merged one has a path from; false when it does not have the path. Safe for
// concurrent use.
func (r V2Result) PathOwner(path string) (Party, bool) {
	owner := r.pathOwners[path]
	if owner == nil {
		return Party{}, false
	}
	return owner.party(), true
}

// DefinitionOwners returns whose documents have a definition of the merged one: first the one that it was taken
// from, then one party for each other document that has an equal one under this name. It is nil when the merged
// document does not have the definition. Safe for concurrent use.
func (r V2Result) DefinitionOwners(name string) []Party {
	held, ok := r.definitionHolders[name]
	if !ok {
		return nil
	}
	parties := []Party{held.owner.party()}
	for _, sharer := range held.sharers {
		parties = append(parties, sharer.party())
	}
	return parties
}

// PathNames returns the paths of the merged document, sorted.
func (r V2Result) PathNames() []string { return slices.Sorted(maps.Keys(r.pathOwners)) }

// DefinitionNames returns the names of the definitions of the merged document, sorted.
func (r V2Result) DefinitionNames() []string { return slices.Sorted(maps.Keys(r.definitionHolders)) }
