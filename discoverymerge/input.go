package discoverymerge

import (
	"fmt"
	"strconv"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
)

// Source says which part of the server a group-version comes from. When several sources have the same
// group-version, the lowest wins. The numbers are those of k8s.io/apiserver
// pkg/endpoints/discovery/aggregated.Source.
type Source int

const (
	// SourceAggregator is an APIService with a spec.service: a custom apiserver. It is the zero value.
	SourceAggregator Source = 0
	// SourceBuiltin is a group-version that is compiled into the delegate.
	SourceBuiltin Source = 100
	// SourceCRD is a group-version that a CustomResourceDefinition makes.
	SourceCRD Source = 200
)

// String returns "aggregator", "builtin" or "crd", and the number of any other value.
func (s Source) String() string {
	switch s {
	case SourceAggregator:
		return "aggregator"
	case SourceBuiltin:
		return "builtin"
	case SourceCRD:
		return "crd"
	}
	return strconv.Itoa(int(s))
}

// MarshalText returns what String returns. It never fails.
func (s Source) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}

// UnmarshalText reads what MarshalText writes for the three named sources. Any other text is an error.
func (s *Source) UnmarshalText(text []byte) error {
	for _, known := range []Source{SourceAggregator, SourceBuiltin, SourceCRD} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("discovery source %q is unknown, write aggregator, builtin or crd", text)
}

// Form says how a backend answered the discovery request.
type Form string

const (
	// FormAggregated is an APIGroupDiscoveryList from /apis.
	FormAggregated Form = "aggregated"
	// FormLegacy is an APIResourceList from /apis/<group>/<version>, asked for when /apis gave nothing usable.
	FormLegacy Form = "legacy"
	// FormNone is a backend that never answered. The empty Form means the same.
	FormNone Form = "none"
)

// Input is one group-version as one party offers it: an APIService, the delegate, or a backend that lists a
// group-version which no APIService gives to it.
//
// Three kinds of Input, by APIService and Local:
//   - an APIService: APIService is set. Local tells whether it has a spec.service.
//   - a group-version that the delegate serves though no APIService names it: APIService is empty, Local is true.
//     It is in the aggregated document only.
//   - a group-version that a backend lists though no APIService sends it there: APIService is empty, Local is
//     false. It is in no document; it only gives a Decision.
//
// A local APIService and the delegate's entry for the same group-version may come as one Input or as two. As two,
// the one with the Entry is what the aggregated document is made of, its priorities included. A local Input with
// neither APIService nor Entry says nothing and is ignored.
type Input struct {
	// APIService is the object's name, "v1.apps". Upstream allows no other name than version, dot, group.
	APIService string `json:"apiService,omitempty"`
	// Group is the API group. Empty is the core group: local inputs of it are used only to tell which resource
	// names they take from others (RuleResourceNameShadowed); for a remote one see Quirks.CoreGroupInAggregated.
	Group string `json:"group"`
	// Version is the version within Group.
	Version string `json:"version"`
	// GroupPriorityMinimum is the APIService's spec.groupPriorityMinimum, 1 to 20000. On a local input 0 stands
	// for upstream's default of 1000. The kube-apiserver gives its built-in group-versions the numbers of their
	// local APIServices (CreateAggregatorServer), so pass those. The delegate's apiregistration.k8s.io/v1
	// always counts as 20001, whatever is written here.
	GroupPriorityMinimum int32 `json:"groupPriorityMinimum,omitempty"`
	// VersionPriority is the APIService's spec.versionPriority, 1 to 1000. On a local input 0 stands for
	// upstream's default: 15 for SourceBuiltin, 100 for SourceCRD.
	VersionPriority int32 `json:"versionPriority,omitempty"`
	// Local is true for an APIService without spec.service and for the delegate's own group-versions.
	Local bool `json:"local,omitempty"`
	// Source is where a local input comes from; SourceAggregator on a local input is read as SourceBuiltin.
	// An input that is not local is always of SourceAggregator.
	Source Source `json:"source,omitempty"`
	// Backend names the server in decisions: "namespace/name:port", or "local".
	Backend string `json:"backend,omitempty"`
	// Form says how the backend answered. It is not read on local inputs.
	Form Form `json:"form,omitempty"`
	// Entry is what the backend lists for this group-version. Nil means that it does not list it, or never
	// answered. Its Version and Freshness are not read: they come from Version and Failure.
	Entry *apidiscoveryv2.APIVersionDiscovery `json:"entry,omitempty"`
	// Failure says why the newest fetch failed. Empty means that Entry is current; anything else makes the
	// group-version Stale.
	Failure string `json:"failure,omitempty"`
}

// effectiveSource is Source with the values that contradict Local mended.
func (in *Input) effectiveSource() Source {
	switch {
	case !in.Local:
		return SourceAggregator
	case in.Source == SourceAggregator:
		return SourceBuiltin
	}
	return in.Source
}

// unclaimed tells that a backend lists this group-version and no APIService sends it there.
func (in *Input) unclaimed() bool {
	return in.APIService == "" && !in.Local
}

// unanswered tells that the backend has neither answered nor failed so far.
func (in *Input) unanswered() bool {
	return !in.Local && in.Entry == nil && in.Failure == "" && (in.Form == FormNone || in.Form == "")
}

// stale tells that the entry's freshness is Stale.
func (in *Input) stale() bool {
	return in.Failure != "" || in.unanswered()
}
