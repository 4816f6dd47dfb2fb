package check

import "github.com/kagg-project/kagg/discoverymerge"

// orderChecks are about what several APIServices make of each other.
func orderChecks() []Check {
	return []Check{
		{
			Code: "KAGG009", Name: "group-priority-high", Area: AreaObjects, Severity: SeverityWarning,
			Title: "a group that comes before those of Kubernetes",
			Why: "A client that is given a resource without its group takes the first group that has it. With a groupPriorityMinimum in the range of the " +
				"built-in groups the API may take names like events, nodes or ingresses from them, now or with a later resource.",
			Mend:     "Use 1000 to 2000; 18000 is for *.k8s.io.",
			Upstream: "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/types.go, APIServiceSpec.GroupPriorityMinimum",
			find:     findHighGroupPriority,
			Failing:  `spec: {group: wardle.example.com, groupPriorityMinimum: 18000}`,
			Mended:   `spec: {group: wardle.example.com, groupPriorityMinimum: 1000}`,
		},
		{
			Code: "KAGG010", Name: "version-priority-high", Area: AreaObjects, Severity: SeverityInfo,
			Title:    "a versionPriority out of the usual range",
			Why:      "It only orders the versions of its own group. A large one is often meant as groupPriorityMinimum, and leaves little room for versions to come: 1000 is the highest.",
			Mend:     "Use a number in the 10s, the higher the more preferred.",
			Upstream: "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/types.go, APIServiceSpec.VersionPriority",
			find:     findHighVersionPriority,
			Failing:  `spec: {groupPriorityMinimum: 15, versionPriority: 1000}`,
			Mended:   `spec: {groupPriorityMinimum: 1000, versionPriority: 15}`,
		},
		{
			Code: "KAGG011", Name: "group-priority-tie", Area: AreaObjects, Severity: SeverityInfo,
			Title:    "two groups of backends that only their names put in order",
			Why:      "Which of the two a client takes for a name that both have follows from the spelling of the groups, and changes when one is renamed.",
			Mend:     "Give the group that is to win a higher groupPriorityMinimum; nothing is to be done where no name is shared.",
			Upstream: "k8s.io/apiserver/pkg/endpoints/discovery/aggregated/handler.go, calculateAPIGroupsLocked",
			find:     findGroupTies,
			Failing: `spec: {group: fish.example.com, groupPriorityMinimum: 1000}
---
spec: {group: fruit.example.com, groupPriorityMinimum: 1000}`,
			Mended: `spec: {group: fish.example.com, groupPriorityMinimum: 1000}
---
spec: {group: fruit.example.com, groupPriorityMinimum: 1100}`,
		},
		{
			Code: "KAGG012", Name: "version-priority-tie", Area: AreaObjects, Severity: SeverityInfo,
			Title:    "two versions of a group with one versionPriority",
			Why:      "Their names decide then: GA before beta before alpha, and the higher number first. A new version becomes the preferred one for every client by being there.",
			Mend:     "Give each version of the group a versionPriority of its own.",
			Upstream: "k8s.io/apimachinery/pkg/version/helpers.go, CompareKubeAwareVersionStrings",
			find:     decidedAbout(discoverymerge.RuleVersionKubeAware),
			Failing: `spec: {version: v1, versionPriority: 15}
---
spec: {version: v2, versionPriority: 15}`,
			Mended: `spec: {version: v1, versionPriority: 20}
---
spec: {version: v2, versionPriority: 15}`,
		},
		{
			Code: "KAGG013", Name: "group-priorities-differ", Area: AreaObjects, Severity: SeverityInfo,
			Title:    "versions of one group with different groupPriorityMinimum",
			Why:      "The highest counts for the whole group, so that the others are not what they say.",
			Mend:     "Write the same groupPriorityMinimum into every APIService of the group.",
			Upstream: "k8s.io/apiserver/pkg/endpoints/discovery/aggregated/handler.go, calculateAPIGroupsLocked",
			find:     decidedAbout(discoverymerge.RuleGroupHighestPriority),
			Failing: `spec: {group: wardle.example.com, version: v1, groupPriorityMinimum: 1000}
---
spec: {group: wardle.example.com, version: v1beta1, groupPriorityMinimum: 2000}`,
			Mended: `spec: {group: wardle.example.com, version: v1, groupPriorityMinimum: 2000}
---
spec: {group: wardle.example.com, version: v1beta1, groupPriorityMinimum: 2000}`,
		},
		{
			Code: "KAGG014", Name: "group-split", Area: AreaObjects, Severity: SeverityWarning,
			Title: "a group whose versions come from several backends",
			Why: "Clients take a group for one API with one storage: an object written in one version is not there in the other, the preferred version " +
				"changes when one backend fails, and each backend's discovery and OpenAPI describe half of the group.",
			Mend:     "Serve all versions of a group from one backend, or give the second API a group of its own.",
			Upstream: "k8s.io/apiserver/pkg/endpoints/discovery/aggregated/handler.go, calculateAPIGroupsLocked",
			find:     decidedAbout(discoverymerge.RuleGroupSplit),
			Failing: `spec: {group: wardle.example.com, version: v1, service: {namespace: wardle, name: api}}
---
spec: {group: wardle.example.com, version: v2, service: {namespace: wardle, name: api-next}}`,
			Mended: `spec: {group: wardle.example.com, version: v1, service: {namespace: wardle, name: api}}
---
spec: {group: wardle.example.com, version: v2, service: {namespace: wardle, name: api}}`,
		},
		{
			Code: "KAGG015", Name: "short-name-shadowed", Area: AreaObjects, Severity: SeverityWarning,
			Title:    "a short name that two groups have",
			Why:      "kubectl gives it to the resource of one group, at best with a warning that names one of the others, so that people read, and delete, what they did not mean.",
			Mend:     "Give the resource another short name, or none; people who need the other one write its full name with its group.",
			Upstream: "k8s.io/client-go/restmapper/shortcut.go, expandResourceShortcut",
			find:     decidedAbout(discoverymerge.RuleShortNameShadowed),
			Failing: `# fish.example.com lists
{"resource": "flounders", "shortNames": ["fl"], ...}
# fruit.example.com lists
{"resource": "flowers", "shortNames": ["fl"], ...}`,
			Mended: `{"resource": "flowers", "shortNames": ["flw"], ...}`,
		},
		{
			Code: "KAGG016", Name: "resource-name-shadowed", Area: AreaObjects, Severity: SeverityInfo,
			Title: "a resource name that two groups have",
			Why: "kubectl gives a name without a group to the first of the groups. That may be meant, as with pods of metrics.k8s.io; " +
				"where it is not, people get the other resource.",
			Mend:     "Name the group to get the other one, as in kubectl get NAME.GROUP, or name the resource otherwise.",
			Upstream: "k8s.io/client-go/restmapper/discovery.go, newDiscoveryRESTMapper",
			find:     decidedAbout(discoverymerge.RuleResourceNameShadowed),
			Failing: `# fish.example.com lists
{"resource": "catches", ...}
# fruit.example.com lists
{"resource": "catches", ...}`,
			Mended: `{"resource": "harvests", ...}`,
		},
		{
			Code: "KAGG017", Name: "core-group-taken", Area: AreaObjects, Severity: SeverityError,
			Title:    "an APIService that sends the core group to a backend",
			Why:      "The APIService v1. is the whole of /api: pods, services and secrets of every client go to the backend. A kube-apiserver writes its own over it.",
			Mend:     "Give the API a group of its own.",
			Upstream: "k8s.io/kube-aggregator/pkg/apiserver/apiserver.go, AddAPIService",
			find:     decidedAbout(discoverymerge.RuleCoreGroup),
			Failing: `metadata: {name: v1.}
spec: {version: v1, service: {namespace: wardle, name: api}}`,
			Mended: `metadata: {name: v1.wardle.example.com}
spec: {group: wardle.example.com, version: v1, service: {namespace: wardle, name: api}}`,
		},
		{
			Code: "KAGG018", Name: "local-not-served", Area: AreaObjects, Severity: SeverityWarning,
			Title:    "an APIService without a service whose group-version nothing serves",
			Why:      "It is reported Available and listed by the older discovery, but requests are answered with 404, and newer clients do not see it.",
			Mend:     "Write spec.service if a backend serves it, write its CustomResourceDefinition, or remove the APIService.",
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/status/local/local_available_controller.go, sync",
			find:     findLocalNotServed,
			Failing:  `spec: {group: wardle.example.com, version: v1}`,
			Mended:   `spec: {group: wardle.example.com, version: v1, service: {namespace: wardle, name: api}}`,
		},
		{
			Code: "KAGG019", Name: "preferred-less-stable", Area: AreaObjects, Severity: SeverityInfo,
			Title: "a group that prefers an alpha or beta version to a more stable one",
			Why: "A client that names no version gets the preferred one: kubectl get reads, and shows, objects in it. The names of versions would give the stable one; " +
				"the versionPriority of the APIServices says otherwise, which is often an oversight when a version became GA.",
			Mend:     "Give the stable version the highest versionPriority of the group.",
			Upstream: "k8s.io/apiserver/pkg/endpoints/discovery/aggregated/handler.go, calculateAPIGroupsLocked",
			find:     findPreferredLessStable,
			Failing: `spec: {version: v1, versionPriority: 10}
---
spec: {version: v1beta1, versionPriority: 15}`,
			Mended: `spec: {version: v1, versionPriority: 20}
---
spec: {version: v1beta1, versionPriority: 15}`,
		},
	}
}
