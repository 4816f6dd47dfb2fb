package check

// discoveryChecks are about what the backends list, and what becomes of it.
func discoveryChecks() []Check { return append(listingChecks(), liveDiscoveryChecks()...) }

// listingChecks are about what is in the documents.
func listingChecks() []Check {
	return []Check{
		{
			Code: "KAGG040", Name: "backend-unavailable", Area: AreaDiscovery, Severity: SeverityError,
			Title:    "a backend that does not answer as an APIService's must",
			Why:      "Its requests are refused with 503. Helm, kubectl get all, garbage collection and the deletion of every namespace wait for it or fail, whatever API they are about. Where the connection, the certificate or the front proxy's identity is at fault, that is the finding instead.",
			Mend:     "Make the backend answer /apis/GROUP/VERSION with a status of 200, to whoever the front proxy says is asking.",
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go, sync",
			find:     findUnavailable,
			Failing: `GET /apis/wardle.example.com/v1
HTTP/1.1 404 Not Found`,
			Mended: `GET /apis/wardle.example.com/v1
HTTP/1.1 200 OK`,
		},
		{
			Code: "KAGG041", Name: "discovery-stale", Area: AreaDiscovery, Severity: SeverityError,
			Title:    "a group-version whose discovery cannot be had",
			Why:      "It is listed as Stale, without resources or with those of before: clients report an error for the group, and do not find its resources.",
			Mend:     "Make the backend answer /apis with an APIGroupDiscoveryList, or /apis/GROUP/VERSION with an APIResourceList.",
			Upstream: "k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, syncAPIService",
			find:     findStale,
			Failing: `GET /apis/wardle.example.com/v1
HTTP/1.1 200 OK

ok`,
			Mended: `{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "wardle.example.com/v1", "resources": [...]}`,
		},
		{
			Code: "KAGG042", Name: "apiservice-not-served", Area: AreaDiscovery, Severity: SeverityError,
			Title:    "an APIService that its backend does not serve",
			Why:      "The group-version is listed, as Current and without resources, and every request for it is answered with 404: helm and kubectl say that no such kind exists.",
			Mend:     "Install the group-version in the backend, correct spec.group and spec.version, or remove the APIService.",
			Upstream: "k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, syncAPIService",
			find:     findNotListed,
			Failing: `# APIService v2.wardle.example.com; GET /apis of the backend
{"items": [{"metadata": {"name": "wardle.example.com"}, "versions": [{"version": "v1", ...}]}]}`,
			Mended: `{"items": [{"metadata": {"name": "wardle.example.com"}, "versions": [{"version": "v1", ...}, {"version": "v2", ...}]}]}`,
		},
		{
			Code: "KAGG043", Name: "group-version-unclaimed", Area: AreaDiscovery, Severity: SeverityWarning,
			Title:    "a group-version that a backend lists and no APIService sends to it",
			Why:      "No client can reach it or see it. A kind that exists in it alone does not exist for anybody.",
			Mend:     "Write an APIService for it, or stop serving it.",
			Upstream: "k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, syncAPIService",
			find:     findUnclaimed,
			Failing: `# APIServices: v1.wardle.example.com; GET /apis of the backend
{"items": [{"metadata": {"name": "wardle.example.com"}, "versions": [{"version": "v1", ...}, {"version": "v1beta1", ...}]}]}`,
			Mended: `# APIServices: v1.wardle.example.com, v1beta1.wardle.example.com`,
		},
		{
			Code: "KAGG044", Name: "resources-empty", Area: AreaDiscovery, Severity: SeverityWarning,
			Title:    "a group-version without resources",
			Why:      "Older clients take it for a failure of discovery (the server is currently unable to handle the request), and nobody finds a kind in it.",
			Mend:     "List the resources, or remove the APIService until there are some.",
			Upstream: "k8s.io/client-go/discovery/discovery_client.go, ServerGroupsAndResources",
			find:     findEmpty,
			Failing:  `{"version": "v1", "resources": []}`,
			Mended:   `{"version": "v1", "resources": [{"resource": "flunders", ...}]}`,
		},
		{
			Code: "KAGG045", Name: "verbs-missing", Area: AreaDiscovery, Severity: SeverityWarning,
			Title:    "a resource without verbs",
			Why:      "kubectl api-resources and kubectl get all leave it out; garbage collection and the deletion of namespaces pass its objects by, so that they stay for ever.",
			Mend:     "List the verbs that the backend serves.",
			Upstream: "k8s.io/kubectl/pkg/cmd/apiresources/apiresources.go, RunAPIResources",
			find:     eachResource(noVerbs),
			Failing:  `{"resource": "flunders", "responseKind": {"kind": "Flunder"}, "scope": "Namespaced", "verbs": []}`,
			Mended:   `{"resource": "flunders", "responseKind": {"kind": "Flunder"}, "scope": "Namespaced", "verbs": ["get", "list"]}`,
		},
		{
			Code: "KAGG046", Name: "kind-missing", Area: AreaDiscovery, Severity: SeverityError,
			Title:    "a resource without a kind",
			Why:      "Clients map resources to kinds: kubectl says that the server doesn't have a resource type of that name, and no typed client finds it.",
			Mend:     "Say the kind: responseKind in an APIGroupDiscoveryList, kind in an APIResourceList.",
			Upstream: "k8s.io/client-go/discovery/aggregated_discovery.go, convertAPIResource",
			find:     eachResource(noKind),
			Failing:  `{"resource": "flunders", "scope": "Namespaced", "verbs": ["get", "list"]}`,
			Mended:   `{"resource": "flunders", "responseKind": {"kind": "Flunder"}, "scope": "Namespaced", "verbs": ["get", "list"]}`,
		},
		{
			Code: "KAGG047", Name: "short-name-duplicate", Area: AreaDiscovery, Severity: SeverityWarning,
			Title:    "a short name that two resources of a group have",
			Why:      "kubectl takes the first that it finds, and cannot be told the other one by it.",
			Mend:     "Give each resource short names of its own.",
			Upstream: "k8s.io/client-go/restmapper/shortcut.go, expandResourceShortcut",
			find:     findDuplicateShortNames,
			Failing:  `{"resource": "fischers", "shortNames": ["fl"], ...}, {"resource": "flunders", "shortNames": ["fl"], ...}`,
			Mended:   `{"resource": "fischers", "shortNames": ["fi"], ...}, {"resource": "flunders", "shortNames": ["fl"], ...}`,
		},
		{
			Code: "KAGG048", Name: "singular-duplicate", Area: AreaDiscovery, Severity: SeverityWarning,
			Title:    "a singular that two resources of a group have",
			Why:      "kubectl get SINGULAR is ambiguous: it fails, or reads the other resource.",
			Mend:     "Give each resource a singular of its own: its kind in lower case.",
			Upstream: "k8s.io/apimachinery/pkg/api/meta/restmapper.go, ResourceSingularizer",
			find:     findDuplicateSingulars,
			Failing:  `{"resource": "fischers", "singularResource": "fish", ...}, {"resource": "flunders", "singularResource": "fish", ...}`,
			Mended:   `{"resource": "fischers", "singularResource": "fischer", ...}, {"resource": "flunders", "singularResource": "flunder", ...}`,
		},
		{
			Code: "KAGG049", Name: "group-version-hidden", Area: AreaDiscovery, Severity: SeverityWarning,
			Title:    "an APIService that takes a group-version from a CustomResourceDefinition or from Kubernetes itself",
			Why:      "Requests go to the backend: the objects of the definition, or of the built-in kinds, are out of reach while the APIService is there.",
			Mend:     "Give the backend's API a group of its own, or remove the definition.",
			Upstream: "k8s.io/apiserver/pkg/endpoints/discovery/aggregated/handler.go, calculateAPIGroupsLocked",
			find:     findHidden,
			Failing: `spec: {group: wardle.example.com, version: v1, service: {...}}   # an APIService
---
spec: {group: wardle.example.com, versions: [{name: v1, ...}]}   # a CustomResourceDefinition`,
			Mended: `spec: {group: local.wardle.example.com, versions: [{name: v1, ...}]}   # a CustomResourceDefinition`,
		},
	}
}
