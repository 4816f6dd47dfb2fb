package openapimerge

import (
	"cmp"
	"slices"

	"k8s.io/kube-openapi/pkg/handler3"
)

// Input is what one APIService, or one local API, brings to the merge. It is only read.
type Input struct {
	// APIService is the APIService's name; for a local API the name of its delegate. It must be unique.
	APIService string
	// Group and Version are the APIService's own; both empty for a local API.
	Group, Version string
	// GroupPriorityMinimum and VersionPriority are the APIService's spec's.
	GroupPriorityMinimum, VersionPriority int32
	// Local says that the document comes from the process itself: it is sorted before all others, by
	// name, and taken whole instead of filtered to the group-version.
	Local bool
	// Backend names where the documents come from, "namespace/name:port" or "local", for decisions.
	Backend string

	// V2 is the backend's whole OpenAPI v2 document; nil: it has none. Inputs of one backend should hold
	// the same pointer: the merge is then told that they have one document.
	V2 *Document
	// V2ETag is the ETag that came with V2 (see LocalETag for a backend that sends none).
	V2ETag string
	// V2Failure says why there is no V2; empty: there is one, or the backend answered 404.
	V2Failure string

	// V3 is the backend's /openapi/v3 index; nil: it has none.
	V3 *handler3.OpenAPIV3Discovery
	// V3Failure says why there is no V3; empty: there is one, or the backend answered 404, in which case
	// V2 is converted.
	V3Failure string
	// Conversion is what Convert made of V2. It spares MergeV3 the conversion, which costs as much as
	// encoding the document; nil: MergeV3 converts if it must. It is ignored when it is of another V2.
	Conversion *Conversion
}

// ownKey is the key of the /openapi/v3 index that belongs to the input's APIService: "apis/<group>/<version>",
// or "api/<version>" for the core group; empty for a local API.
func (in *Input) ownKey() string {
	switch {
	case in.Local || in.Version == "":
		return ""
	case in.Group == "":
		return "api/" + in.Version
	default:
		return "apis/" + in.Group + "/" + in.Version
	}
}

func (in *Input) party() Party { return Party{APIService: in.APIService, Backend: in.Backend} }

// sorted returns the inputs in the order in which they are merged, as kube-aggregator's byPriority has it
// (pkg/controllers/openapi/aggregator/priority.go): local ones by name, then groups by the highest
// GroupPriorityMinimum of any of their APIServices, then APIServices by name.
//
// byPriority means to put versions of one group in order of VersionPriority, but reads it from the same
// item for both sides, so that it never decides. Without that quirk groups of equal priority must be kept
// together, by group name, for the order to be one.
func sorted(in []Input, q Quirks) []*Input {
	priority := groupPriorities(in)
	out := make([]*Input, len(in))
	for i := range in {
		out[i] = &in[i]
	}
	slices.SortFunc(out, func(a, b *Input) int {
		if c := compareBool(b.Local, a.Local); c != 0 {
			return c
		}
		if a.Local {
			return cmp.Or(cmp.Compare(a.APIService, b.APIService), compareRest(a, b))
		}
		if c := cmp.Compare(priority[b.Group], priority[a.Group]); c != 0 {
			return c
		}
		if !q.VersionPriorityIgnored {
			if c := cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(b.VersionPriority, a.VersionPriority)); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(a.APIService, b.APIService), compareRest(a, b))
	})
	return out
}

// groupPriorities gives each group the highest GroupPriorityMinimum of its APIServices.
func groupPriorities(in []Input) map[string]int32 {
	out := map[string]int32{}
	for i := range in {
		if in[i].Local {
			continue
		}
		if p, ok := out[in[i].Group]; !ok || in[i].GroupPriorityMinimum > p {
			out[in[i].Group] = in[i].GroupPriorityMinimum
		}
	}
	return out
}

// compareRest keeps the order total when a caller gives two inputs of one name.
func compareRest(a, b *Input) int {
	return cmp.Or(
		cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Backend, b.Backend),
		cmp.Compare(a.V2ETag, b.V2ETag), cmp.Compare(a.V2Failure, b.V2Failure), cmp.Compare(a.V3Failure, b.V3Failure),
		cmp.Compare(a.VersionPriority, b.VersionPriority), cmp.Compare(a.GroupPriorityMinimum, b.GroupPriorityMinimum),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}
