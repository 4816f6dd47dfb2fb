package explain

import (
	"cmp"
	"slices"

	"github.com/kagg-project/kagg/aggregator"
)

// Targets returns the targets of a kind that there are, sorted; nil for requests, which are without number.
func Targets(r *aggregator.Replay, kind Kind) []string {
	var names []string
	s := r.Snapshot
	switch kind {
	case KindGroup, KindVersion:
		for _, in := range s.DiscoveryInputs() {
			group := cmp.Or(in.Group, coreGroup)
			if kind == KindVersion {
				group += "/" + in.Version
			}
			names = append(names, group)
		}
	case KindResource:
		names = s.Discovery().Names()
	case KindDefinition, KindPath:
		v2, _ := s.OpenAPIV2() // a merge that fails has no names
		names = v2.DefinitionNames()
		if kind == KindPath {
			names = v2.PathNames()
		}
	case KindAPIService:
		for _, v := range s.APIServices() {
			names = append(names, v.Object.Name)
		}
	case KindRequest:
	}
	for i, name := range names {
		if kind == KindPath {
			names[i] = string(kind) + name
		} else {
			names[i] = string(kind) + "/" + name
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
