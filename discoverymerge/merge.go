package discoverymerge

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// Merge makes both /apis documents out of the inputs and says why they are what they are. The inputs may come in
// any order and are not changed; none at all is allowed. Of several inputs with one group, version and source only
// the first counts, in the order of APIService name, backend and falling priorities (RuleDuplicateInput), so that
// the result is one and the same even then. It does not validate: names and priorities are taken as they are.
func Merge(in []Input, q Quirks) Result {
	return merge(in, q, &recorder{decisions: []Decision{}})
}

// Documents is Merge without the decisions, which take most of its time: who serves the documents need not say why.
func Documents(in []Input, q Quirks) Result { return merge(in, q, nil) }

func merge(in []Input, q Quirks, rec *recorder) Result {
	parts := divide(canonical(in), q, rec)

	aggregated := gather(parts.aggregated, rec)
	slices.SortFunc(aggregated, compareGroups)
	unaggregated := gather(parts.unaggregated, nil)
	slices.SortFunc(unaggregated, compareGroupsFor(q))

	result := Result{Aggregated: aggregatedDocument(aggregated, q)}
	if rec != nil {
		decidePresence(parts, aggregated, unaggregated, rec)
		decideEntries(aggregated, q, rec)
		decideOrder(aggregated, unaggregated, q, rec)
		result.versions = versionInfos(aggregated)
		result.names = decideShadows(parts.core, aggregated, result.Aggregated, rec)
	}
	result.Groups = unaggregatedDocument(unaggregated, q, rec)
	if rec != nil {
		result.Decisions = rec.decisions
	}
	return result
}

// claim is an input that wants its group-version in a document, with the priorities that it has there.
type claim struct {
	*Input
	source          Source
	groupPriority   int32
	versionPriority int32
}

// group is the claims of one group that go into a document, one for each version, the preferred one first.
type group struct {
	name string
	// priority is the highest groupPriority of versions.
	priority int32
	// firstName is the lowest APIService name among the versions that have that priority.
	firstName string
	versions  []claim
}

// canonical returns pointers to the inputs in an order that does not depend on theirs: by group, version and
// source, and within these those that count before those that do not.
func canonical(in []Input) []*Input {
	inputs := make([]*Input, 0, len(in))
	for i := range in {
		inputs = append(inputs, &in[i])
	}
	slices.SortFunc(inputs, compareInputs)
	return inputs
}

func compareInputs(a, b *Input) int {
	if c := cmp.Or(
		cmp.Compare(a.Group, b.Group),
		cmp.Compare(a.Version, b.Version),
		cmp.Compare(a.effectiveSource(), b.effectiveSource()),
		cmp.Compare(a.APIService, b.APIService),
		cmp.Compare(a.Backend, b.Backend),
		cmp.Compare(b.GroupPriorityMinimum, a.GroupPriorityMinimum),
		cmp.Compare(b.VersionPriority, a.VersionPriority),
		cmp.Compare(a.Form, b.Form),
		cmp.Compare(a.Failure, b.Failure),
		compareBools(a.Local, b.Local),
	); c != 0 {
		return c
	}
	return bytes.Compare(entryBytes(a.Entry), entryBytes(b.Entry))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// entryBytes orders entries of inputs that are alike in everything else. An entry has nothing that JSON cannot
// carry, so the error only keeps the order total.
func entryBytes(entry *apidiscoveryv2.APIVersionDiscovery) []byte {
	data, err := json.Marshal(entry)
	if err != nil {
		return []byte(err.Error())
	}
	return data
}

// newClaim gives a local input upstream's default priorities where it has none: those of addGroupVersionLocked
// in k8s.io/apiserver and, for CRDs, of k8s.io/apiextensions-apiserver's DiscoveryController.
func newClaim(in *Input) claim {
	c := claim{
		Input:           in,
		source:          in.effectiveSource(),
		groupPriority:   in.GroupPriorityMinimum,
		versionPriority: in.VersionPriority,
	}
	if !in.Local {
		return c
	}
	if c.groupPriority == 0 {
		c.groupPriority = 1000
	}
	if c.versionPriority == 0 {
		c.versionPriority = 15
		if c.source == SourceCRD {
			c.versionPriority = 100
		}
	}
	return c
}

// newAggregatedClaim is newClaim with the priority that the discovery manager's Run gives to the aggregator's own
// group, above the 20000 that an APIService may have.
func newAggregatedClaim(in *Input) claim {
	c := newClaim(in)
	if c.source == SourceBuiltin && isAPIRegistration(in) {
		c.groupPriority, c.versionPriority = apiRegistrationPriority, 0
	}
	return c
}

// apiRegistrationPriority is upstream's APIRegistrationGroupPriority.
const apiRegistrationPriority = 20001

func isAPIRegistration(in *Input) bool {
	return in.Group == apiregistrationv1.GroupName && in.Version == apiregistrationv1.SchemeGroupVersion.Version
}

// gather puts the claims of each group together, of each group-version the first only, and sorts the versions.
// The claims come in canonical order. With a recorder it says which source won.
func gather(claims []claim, rec *recorder) []group {
	var groups []group
	for start := 0; start < len(claims); {
		end := start + 1
		for end < len(claims) && sameVersion(claims[start].Input, claims[end].Input) {
			end++
		}
		winner := claims[start]
		if rec != nil && end-start > 1 {
			rec.add(sourceDecision(winner, claims[start+1:end]))
		}
		if len(groups) == 0 || groups[len(groups)-1].name != winner.Group {
			groups = append(groups, group{name: winner.Group})
		}
		last := &groups[len(groups)-1]
		last.versions = append(last.versions, winner)
		start = end
	}
	for i := range groups {
		groups[i].finish()
	}
	return groups
}

func sameVersion(a, b *Input) bool {
	return a.Group == b.Group && a.Version == b.Version
}

// finish sorts the versions and derives the rest from them.
func (g *group) finish() {
	slices.SortFunc(g.versions, compareVersions)
	g.priority = g.versions[0].groupPriority
	for _, version := range g.versions {
		g.priority = max(g.priority, version.groupPriority)
	}
	for _, version := range g.versions {
		if version.groupPriority == g.priority && (g.firstName == "" || version.APIService < g.firstName) {
			g.firstName = version.APIService
		}
	}
}

func groupVersionFor(in *Input) metav1.GroupVersionForDiscovery {
	return metav1.GroupVersionForDiscovery{GroupVersion: in.groupVersion(), Version: in.Version}
}
