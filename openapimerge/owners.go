package openapimerge

import (
	"maps"
	"slices"
)

// PathOwner returns whose document the merged one has a path from; false when it does not have the path. Safe for
// concurrent use.
func (r V2Result) PathOwner(path string) (Party, bool) {
	entry, ok := r.paths[path]
	if !ok {
		return Party{}, false
	}
	return entry.owner.party(), true
}

// DefinitionOwners returns whose documents have a definition of the merged one: first the one that it was taken
// from, then one party for each other document that has an equal one under this name. It is nil when the merged
// document does not have the definition. Safe for concurrent use.
func (r V2Result) DefinitionOwners(name string) []Party {
	def := r.definitions[name]
	if def == nil {
		return nil
	}
	parties := []Party{def.owner.party()}
	for _, sharer := range def.sharers {
		parties = append(parties, sharer.party())
	}
	return parties
}

// PathNames returns the paths of the merged document, sorted.
func (r V2Result) PathNames() []string { return slices.Sorted(maps.Keys(r.paths)) }

// DefinitionNames returns the names of the definitions of the merged document, sorted.
func (r V2Result) DefinitionNames() []string { return slices.Sorted(maps.Keys(r.definitions)) }
