package discoverymerge

import (
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Result is what Merge makes. Its Aggregated shares the resources of the inputs' entries. Treat both as immutable:
// readers need no lock then.
type Result struct {
	// Aggregated is the v2 document of /apis. Its items are never nil. It has apiregistration.k8s.io only if an
	// Input brought it.
	Aggregated *apidiscoveryv2.APIGroupDiscoveryList `json:"aggregated"`
	// Groups is the unaggregated document of /apis. Its first group is always apiregistration.k8s.io, which the
	// aggregator serves itself.
	Groups *metav1.APIGroupList `json:"groups"`
	// Decisions says why the documents are what they are, in the order of Rules, roughly. It is nil from Documents.
	Decisions []Decision `json:"decisions"`

	// names is what Lookup reads; nil in a Result that Merge did not make, that of Documents among them.
	names *nameTables
	// versions is what Version reads.
	versions map[schema.GroupVersion]VersionInfo
}

// VersionInfo is where a group-version of the aggregated document comes from.
type VersionInfo struct {
	Party  Party
	Source Source
	// GroupPriority and VersionPriority are those that order it, defaults filled in; GroupPriority is that of the
	// version alone, not of its group.
	GroupPriority, VersionPriority int32
}

// Version says where a group-version of the aggregated document comes from; false when the document does not have
// it. Safe for concurrent use.
func (r Result) Version(group, version string) (VersionInfo, bool) {
	info, ok := r.versions[schema.GroupVersion{Group: group, Version: version}]
	return info, ok
}

// versionInfos is what Result.Version tells.
func versionInfos(groups []group) map[schema.GroupVersion]VersionInfo {
	infos := map[schema.GroupVersion]VersionInfo{}
	for i := range groups {
		for v := range groups[i].versions {
			c := &groups[i].versions[v]
			infos[c.key()] = VersionInfo{
				Party: versionParty(c), Source: c.source, GroupPriority: c.groupPriority, VersionPriority: c.versionPriority,
			}
		}
	}
	return infos
}

// Group returns the document of /apis/<name>, which is the caller's own. It returns nil when no APIService has
// the group: upstream passes the request to the delegate then. So it does for apiregistration.k8s.io, the first
// entry of r.Groups, unless an APIService has that group too.
func (r Result) Group(name string) *metav1.APIGroup {
	if r.Groups == nil || name == "" {
		return nil
	}
	for i := range r.Groups.Groups {
		if i > 0 && r.Groups.Groups[i].Name == name {
			group := r.Groups.Groups[i].DeepCopy()
			group.TypeMeta = metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}
			return group
		}
	}
	return nil
}
