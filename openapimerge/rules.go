package openapimerge

// Rule names why something was decided.
type Rule string

// The rules of MergeV2.
const (
	RuleDefinitionShared       Rule = "definition-shared"
	RuleDefinitionMisreferring Rule = "definition-misreferring"
	RuleDefinitionGVKsUnited   Rule = "definition-gvks-united"
	RuleDefinitionGVKsBroken   Rule = "definition-gvks-broken"
	RuleDefinitionRenamed      Rule = "definition-renamed"
	RuleDefinitionRenameReused Rule = "definition-rename-reused"
	RuleParameterShared        Rule = "parameter-shared"
	RuleParameterRenamed       Rule = "parameter-renamed"
	RuleParameterRenameReused  Rule = "parameter-rename-reused"
	RulePathConflict           Rule = "path-conflict"
	RulePathPrefixConflict     Rule = "path-prefix-conflict"
	RulePathFiltered           Rule = "path-filtered"
	RuleV2Base                 Rule = "v2-base"
	RuleV2NoPaths              Rule = "v2-no-paths"
	RuleV2None                 Rule = "v2-none"
	RuleV2Failed               Rule = "v2-failed"
	RuleVersionOrder           Rule = "version-order"
)

// The rules of MergeV3.
const (
	RuleV3Served          Rule = "v3-served"
	RuleV3OwnGroupVersion Rule = "v3-own-group-version"
	RuleV3Local           Rule = "v3-local"
	RuleV3Priority        Rule = "v3-priority"
	RuleV3Name            Rule = "v3-name"
	RuleV3Converted       Rule = "v3-converted"
	RuleV3ConversionLoss  Rule = "v3-conversion-loss"
	RuleV3ConversionFix   Rule = "v3-conversion-fix"
	RuleV3NotConverted    Rule = "v3-not-converted"
	RuleV3None            Rule = "v3-none"
	RuleV3Failed          Rule = "v3-failed"
)

// RuleInfo describes a Rule.
type RuleInfo struct {
	Rule Rule `json:"rule"`
	// Meaning is one sentence for people.
	Meaning string `json:"meaning"`
	// Upstream is the package and file, a comma, and the function that decides the same in Kubernetes.
	Upstream string `json:"upstream"`
}

const (
	atMergeSpecs   = "k8s.io/kube-openapi/pkg/aggregator/aggregator.go, mergeSpecs"
	atMergedGVKs   = "k8s.io/kube-openapi/pkg/aggregator/aggregator.go, mergedGVKs"
	atFilter       = "k8s.io/kube-openapi/pkg/aggregator/aggregator.go, FilterSpecByPathsWithoutSideEffects"
	atBuildMerge   = "k8s.io/kube-aggregator/pkg/controllers/openapi/aggregator/aggregator.go, buildMergeSpecLocked"
	atDownload     = "k8s.io/kube-aggregator/pkg/controllers/openapi/aggregator/downloader.go, Download"
	atByPriority   = "k8s.io/kube-aggregator/pkg/controllers/openapi/aggregator/priority.go, byPriority.Less"
	atV3Root       = "k8s.io/kube-aggregator/pkg/controllers/openapiv3/aggregator/aggregator.go, getOpenAPIV3Root"
	atV3GV         = "k8s.io/kube-aggregator/pkg/controllers/openapiv3/aggregator/aggregator.go, handleGroupVersion"
	atV3Update     = "k8s.io/kube-aggregator/pkg/controllers/openapiv3/aggregator/aggregator.go, updateAPIServiceSpecLocked"
	atV3KeyOf      = "k8s.io/kube-aggregator/pkg/controllers/openapiv3/aggregator/aggregator.go, getGroupVersionStringFromAPIService"
	atV3Conversion = "k8s.io/kube-openapi/pkg/openapiconv/convert.go, ConvertV2ToV3"
)

// Rules returns every rule there is, those of MergeV2 first. The slice is the caller's.
func Rules() []RuleInfo {
	return []RuleInfo{
		{RuleDefinitionShared, "A definition equals one that an earlier document brought, so both share it.", atMergeSpecs},
		{RuleDefinitionMisreferring, "A definition equals an earlier one as written, but refers to something that was renamed; the shared one refers to the earlier document's.", atMergeSpecs},
		{RuleDefinitionGVKsUnited, "A definition differs from an earlier one only in its group-version-kinds, so both share it with the lists united.", atMergedGVKs},
		{RuleDefinitionGVKsBroken, "A shared definition's group-version-kinds are not a list of objects and cannot be united.", atMergedGVKs},
		{RuleDefinitionRenamed, "A definition differs from an earlier one of its name, so it is renamed.", atMergeSpecs},
		{RuleDefinitionRenameReused, "A definition differs from an earlier one of its name but equals one that was renamed before, whose new name it takes.", atMergeSpecs},
		{RuleParameterShared, "A parameter equals one that an earlier document brought, so both share it.", atMergeSpecs},
		{RuleParameterRenamed, "A parameter differs from an earlier one of its name, so it is renamed.", atMergeSpecs},
		{RuleParameterRenameReused, "A parameter differs from an earlier one of its name but equals one that was renamed before, whose new name it takes.", atMergeSpecs},
		{RulePathConflict, "A path that an earlier document brought is dropped.", atMergeSpecs},
		{RulePathPrefixConflict, "A taken path begins with one of the same document that is not taken.", atMergeSpecs},
		{RulePathFiltered, "Paths outside the group-versions of a backend's APIServices are left out.", atFilter},
		{RuleV2Base, "The first document gives the merged one all but paths, definitions and parameters.", atBuildMerge},
		{RuleV2NoPaths, "A document without paths of the group-version brings nothing, its definitions included.", atMergeSpecs},
		{RuleV2None, "A backend that answers 404 to /openapi/v2 is left out.", atDownload},
		{RuleV2Failed, "A backend whose /openapi/v2 cannot be had is left out.", atBuildMerge},
		{RuleVersionOrder, "Versions of one group are merged in order of their names, whatever their versionPriority.", atByPriority},
		{RuleV3Served, "The keys of a backend's /openapi/v3 index that no other backend claims are served by it.", atV3Root},
		{RuleV3OwnGroupVersion, "Of several backends with one key, the one whose APIService the key belongs to serves it; the kube-aggregator lets a map's order pick one for each request.", atV3GV},
		{RuleV3Local, "Of several backends with one key that is no APIService's own, the local API serves it; the kube-aggregator lets a map's order pick one for each request.", atV3GV},
		{RuleV3Priority, "Of several backends with one key that is no APIService's own, the group of highest priority serves it; the kube-aggregator lets a map's order pick one for each request.", atV3GV},
		{RuleV3Name, "Of several backends with one key and equal priority, the APIService whose name sorts first serves it; the kube-aggregator lets a map's order pick one for each request.", atV3GV},
		{RuleV3Converted, "A backend that answers 404 to /openapi/v3 has its v2 document converted.", atV3Update},
		{RuleV3ConversionLoss, "Something that a v2 document says cannot be said, or is not, in the v3 document converted from it.", atV3Conversion},
		{RuleV3ConversionFix, "An operation without responses is converted as one with none; the real conversion dereferences nil there.", atV3Conversion},
		{RuleV3NotConverted, "A v2 document is not converted.", atV3KeyOf},
		{RuleV3None, "A backend that has neither /openapi/v3 nor /openapi/v2 is left out.", atV3Update},
		{RuleV3Failed, "A backend whose /openapi/v3 cannot be had is left out.", atV3Update},
	}
}

func ruleInfo(rule Rule) RuleInfo {
	for _, info := range Rules() {
		if info.Rule == rule {
			return info
		}
	}
	return RuleInfo{Rule: rule}
}
