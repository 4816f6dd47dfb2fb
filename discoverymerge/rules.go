package discoverymerge

import "slices"

// Rule names what a Decision was decided by. The set is closed: Rules lists it.
type Rule string

// The rules. Rules says what each means and where upstream has it.
const (
	RuleAPIRegistrationFirst Rule = "apiregistration-first"
	RuleAPIRegistrationTwice Rule = "apiregistration-twice"
	RuleCoreGroup            Rule = "core-group"
	RuleDuplicateInput       Rule = "duplicate-input"
	RuleSourcePrecedence     Rule = "source-precedence"
	RuleUnclaimed            Rule = "unclaimed-group-version"
	RuleLocalNotServed       Rule = "local-not-served"
	RuleDelegateOnly         Rule = "delegate-only"
	RuleStale                Rule = "stale"
	RuleNotListed            Rule = "not-listed"
	RuleLegacyForm           Rule = "legacy-form"
	RuleGroupSplit           Rule = "group-split"
	RuleGroupHighestPriority Rule = "group-highest-priority"
	RuleGroupPriority        Rule = "group-priority"
	RuleGroupName            Rule = "group-name"
	RuleGroupAPIServiceName  Rule = "group-apiservice-name"
	RuleVersionPriority      Rule = "version-priority"
	RuleVersionKubeAware     Rule = "version-kube-aware"
	RulePreferredVersion     Rule = "preferred-version"
	RuleResourceNameShadowed Rule = "resource-name-shadowed"
	RuleShortNameShadowed    Rule = "short-name-shadowed"
)

// RuleInfo describes a Rule.
type RuleInfo struct {
	Name Rule `json:"name"`
	// Meaning is one sentence.
	Meaning string `json:"meaning"`
	// Upstream is the package and file, a comma, and the function that decides the same in Kubernetes.
	Upstream string `json:"upstream"`
}

// Where upstream decides.
const (
	upstreamHandlerAPIs   = "k8s.io/kube-aggregator/pkg/apiserver/handler_apis.go, apisHandler.ServeHTTP"
	upstreamAPIGroup      = "k8s.io/kube-aggregator/pkg/apiserver/handler_apis.go, convertToDiscoveryAPIGroup"
	upstreamSync          = "k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, syncAPIService"
	upstreamFetch         = "k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, fetchFreshDiscoveryForService"
	upstreamAddAPIService = "k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, AddAPIService"
	upstreamValidate      = "k8s.io/kube-aggregator/pkg/apis/apiregistration/validation/validation.go, ValidateAPIService"
	upstreamNames         = "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/helper/helpers.go, ByGroupPriorityMinimum"
	upstreamCalculate     = "k8s.io/apiserver/pkg/endpoints/discovery/aggregated/handler.go, calculateAPIGroupsLocked"
	upstreamInstall       = "k8s.io/apiserver/pkg/server/genericapiserver.go, installAPIResources"
	upstreamRESTMapper    = "k8s.io/client-go/restmapper/discovery.go, newDiscoveryRESTMapper"
	upstreamShortcut      = "k8s.io/client-go/restmapper/shortcut.go, expandResourceShortcut"
)

// ruleTable is read only.
var ruleTable = [...]RuleInfo{
	{RuleAPIRegistrationFirst, "the unaggregated list begins with apiregistration.k8s.io, whatever the priorities are", upstreamHandlerAPIs},
	{RuleAPIRegistrationTwice, "an APIService for apiregistration.k8s.io adds to the group that is always listed", upstreamHandlerAPIs},
	{RuleCoreGroup, "a remote APIService of the core group appears under /apis as a group without a name, or not at all", upstreamSync},
	{RuleDuplicateInput, "of several inputs of one source for one group-version only the first counts", upstreamValidate},
	{RuleSourcePrecedence, "of several sources of one group-version the lowest is shown: aggregator, then builtin, then crd", upstreamCalculate},
	{RuleUnclaimed, "what a backend lists is ignored for group-versions that no APIService sends to it", upstreamSync},
	{RuleLocalNotServed, "a local APIService whose group-version the delegate does not serve is in the unaggregated list only", upstreamAddAPIService},
	{RuleDelegateOnly, "a group-version that the delegate serves without an APIService is in the aggregated document only", upstreamInstall},
	{RuleStale, "a group-version whose newest fetch failed is marked Stale", upstreamSync},
	{RuleNotListed, "a group-version that its backend does not list is shown without resources and as Current", upstreamSync},
	{RuleLegacyForm, "a backend without aggregated discovery is asked for each group-version separately", upstreamFetch},
	{RuleGroupSplit, "the versions of one group come from several backends and are listed together", upstreamCalculate},
	{RuleGroupHighestPriority, "the highest groupPriorityMinimum among its versions is the priority of a group", upstreamCalculate},
	{RuleGroupPriority, "the group with the higher groupPriorityMinimum comes first", upstreamCalculate},
	{RuleGroupName, "of groups with equal priority the one with the lower name comes first", upstreamCalculate},
	{RuleGroupAPIServiceName, "of groups with equal priority the one whose APIService has the lower name comes first in the unaggregated list", upstreamNames},
	{RuleVersionPriority, "the version with the higher versionPriority comes first", upstreamCalculate},
	{RuleVersionKubeAware, "of versions with equal priority GA comes before beta before alpha, and the higher number first", upstreamCalculate},
	{RulePreferredVersion, "the first version of a group is its preferred one", upstreamAPIGroup},
	{RuleResourceNameShadowed, "a resource name that several groups have goes to the first of them when a client names no group", upstreamRESTMapper},
	{RuleShortNameShadowed, "a short name gives way to a full name, and else goes to the first group that has it", upstreamShortcut},
}

// Rules returns every rule, in the order in which Merge applies them. The slice is the caller's own.
func Rules() []RuleInfo {
	return slices.Clone(ruleTable[:])
}

func upstreamOf(rule Rule) string {
	for i := range ruleTable {
		if ruleTable[i].Name == rule {
			return ruleTable[i].Upstream
		}
	}
	return ""
}
