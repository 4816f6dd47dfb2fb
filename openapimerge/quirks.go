package openapimerge

// Quirks names the bugs of the kube-aggregator and kube-openapi that the merge reproduces. A field that is
// true does as upstream does; false does what upstream means to. The zero value reproduces none.
type Quirks struct {
	// VersionPriorityIgnored: versionPriority does not order the versions of a group, their names do
	// (kube-aggregator pkg/controllers/openapi/aggregator/priority.go, byPriority.Less).
	VersionPriorityIgnored bool
	// PathConflictByPrefix: when some paths of a document are already taken, the rest is picked by prefix
	// rather than by equality; a taken path that begins with one not taken then fails the whole merge
	// (kube-openapi pkg/aggregator, mergeSpecs). False: it is dropped like any other taken path.
	PathConflictByPrefix bool
	// MalformedGVKsFail: an x-kubernetes-group-version-kind that is no list of objects, on a definition
	// that two APIServices share, fails the whole merge (kube-openapi pkg/aggregator, mergedGVKs). False:
	// the earlier list is kept as it is.
	MalformedGVKsFail bool
	// ConvertedWhole: a v2 document is converted to v3 whole for each of its APIServices, other groups'
	// paths with it (kube-aggregator pkg/controllers/openapiv3/aggregator, updateAPIServiceSpecLocked).
	// False: only the paths of the APIService's group-version, and what they refer to.
	ConvertedWhole bool
	// ConvertedKeyUnchecked: a converted document's key is built from group and version as they are, so
	// that the core group's is "apis//v1" and a local API's is empty; no client finds either (kube-aggregator
	// pkg/controllers/openapiv3/aggregator, getGroupVersionStringFromAPIService). False: "api/v1" for the
	// core group, and a local API is not converted.
	ConvertedKeyUnchecked bool
}

// UpstreamQuirks returns the quirks of k8s.io/kube-aggregator v0.37: all of them.
func UpstreamQuirks() Quirks {
	return Quirks{
		VersionPriorityIgnored: true,
		PathConflictByPrefix:   true,
		MalformedGVKsFail:      true,
		ConvertedWhole:         true,
		ConvertedKeyUnchecked:  true,
	}
}

// Names under which decisions mention a quirk: those of the Quirks fields, and those of two that are part of
// the algorithm and cannot be switched off.
const (
	QuirkVersionPriorityIgnored = "VersionPriorityIgnored"
	QuirkPathConflictByPrefix   = "PathConflictByPrefix"
	QuirkMalformedGVKsFail      = "MalformedGVKsFail"
	QuirkConvertedWhole         = "ConvertedWhole"
	QuirkConvertedKeyUnchecked  = "ConvertedKeyUnchecked"
	// QuirkComparedAsWritten: definitions are compared with their references as written, before renames.
	// One that equals an earlier one is shared although what it refers to was renamed, and one whose copy
	// was already renamed for an earlier APIService differs from that copy and is renamed again.
	QuirkComparedAsWritten = "ComparedAsWritten"
	// QuirkFirstDocumentOnly: info, tags, security, responses and extensions of the merged document are the
	// first document's; those of all others are dropped, also where their paths refer to them.
	QuirkFirstDocumentOnly = "FirstDocumentOnly"
)
