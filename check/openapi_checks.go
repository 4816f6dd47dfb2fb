package check

// openAPIChecks are about the OpenAPI documents of the backends.
func openAPIChecks() []Check {
	return append(append(documentChecks(), referenceChecks()...), kindChecks()...)
}

// documentChecks are about documents as a whole, and what becomes of them.
func documentChecks() []Check {
	return []Check{
		{
			Code: "KAGG060", Name: "openapi-missing", Area: AreaOpenAPI, Severity: SeverityWarning,
			Title:    "a backend without any OpenAPI document",
			Why:      "kubectl explain knows nothing of its kinds, kubectl apply and helm cannot validate, server-side apply from kubectl has no types, and a kube-apiserver logs the failure on and on.",
			Mend:     "Serve /openapi/v3 and /openapi/v2: set OpenAPIV3Config and OpenAPIConfig of the GenericAPIServer.",
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/openapiv3/controller.go, sync",
			find:     findNoOpenAPI,
			Failing: `GET /openapi/v3
HTTP/1.1 404 Not Found

GET /openapi/v2
HTTP/1.1 404 Not Found`,
			Mended: `config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(openapi.GetOpenAPIDefinitions, namer)
config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(openapi.GetOpenAPIDefinitions, namer)`,
		},
		{
			Code: "KAGG061", Name: "openapi-unreadable", Area: AreaOpenAPI, Severity: SeverityError,
			Title:    "an OpenAPI document that cannot be had or decoded",
			Why:      "It is left out of the merged documents, or the last good one stays: kubectl explain and validation do not know the backend's kinds, or know them as they were.",
			Mend:     "Serve valid JSON with a status of 200, or 404 where there is no such document.",
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/openapi/aggregator/downloader.go, Download",
			find:     findUnreadable,
			Failing:  `{"openapi": "3.0.0", "paths": []}`,
			Mended:   `{"openapi": "3.0.0", "paths": {}}`,
		},
		{
			Code: "KAGG062", Name: "openapi-models", Area: AreaOpenAPI, Severity: SeverityError,
			Title: "an OpenAPI v2 document that kubectl cannot make its models of",
			Why: "The merged /openapi/v2 of the whole server is then unreadable for kubectl and every client that asks for it as protobuf: client-side validation and " +
				"apply fail for all kinds, not for the backend's alone.",
			Mend:     "Use what OpenAPI v2 has: one type, arrays with items, no nullable, oneOf or anyOf.",
			Upstream: "k8s.io/kube-openapi/pkg/util/proto/document.go, NewOpenAPIData",
			find:     findModels,
			Failing:  `"replicas": {"type": ["integer", "null"]}`,
			Mended:   `"replicas": {"type": "integer"}`,
		},
		{
			Code: "KAGG063", Name: "group-version-undescribed", Area: AreaOpenAPI, Severity: SeverityWarning,
			Title:    "a group-version that its backend's OpenAPI documents pass over",
			Why:      "The kube-aggregator takes the paths below /apis/GROUP/VERSION/ and what they refer to: without any, nothing of the backend's document is taken, and kubectl explain knows no kind of it.",
			Mend:     "Describe the paths of the group-version. Documents that are written by hand need full paths, /apis/GROUP/VERSION/ and on.",
			Upstream: "k8s.io/kube-openapi/pkg/aggregator/aggregator.go, FilterSpecByPathsWithoutSideEffects",
			find:     findUndescribed,
			Failing:  `"paths": {"/flunders": {...}}`,
			Mended:   `"paths": {"/apis/wardle.example.com/v1/flunders": {...}}`,
		},
		{
			Code: "KAGG064", Name: "v3-version-missing", Area: AreaOpenAPI, Severity: SeverityWarning,
			Title:    "a group-version that is missing in /openapi/v3",
			Why:      "Where there is a v3 index no v2 document is converted, so that kubectl explain, which asks for v3 first, and server-side validation find nothing of the group-version.",
			Mend:     "Serve /openapi/v3/apis/GROUP/VERSION and list it in the index.",
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/openapiv3/aggregator/aggregator.go, updateAPIServiceSpecLocked",
			find:     findVersionsNotInV3,
			Failing:  `{"paths": {"apis/wardle.example.com/v1": {...}}}   # /openapi/v2 has v1beta1 too`,
			Mended:   `{"paths": {"apis/wardle.example.com/v1": {...}, "apis/wardle.example.com/v1beta1": {...}}}`,
		},
		{
			Code: "KAGG065", Name: "conversion-loss", Area: AreaOpenAPI, Severity: SeverityInfo,
			Title:    "something that is lost in the conversion of /openapi/v2 to v3",
			Why:      "The kube-aggregator converts the v2 document of a backend that has no v3. What is lost then is unknown to every client that reads v3, kubectl among them.",
			Mend:     "Serve /openapi/v3.",
			Upstream: "k8s.io/kube-openapi/pkg/openapiconv/convert.go, ConvertV2ToV3",
			find:     findConversionLosses,
			Failing:  `{"in": "query", "name": "limit", "type": "integer", "maximum": 500}   # and no /openapi/v3`,
			Mended:   `{"in": "query", "name": "limit", "schema": {"type": "integer", "maximum": 500}}   # in /openapi/v3`,
		},
		{
			Code: "KAGG066", Name: "definition-renamed", Area: AreaOpenAPI, Severity: SeverityWarning,
			Title: "definitions that collide with another backend's",
			Why: "Two different definitions of one name cannot be in one document: the later one becomes NAME_v2 with all that refers to it. Generated clients get " +
				"both types, and the number changes with the priorities of the groups.",
			Mend:     "Build the backends with the same version of the shared types, or give types of your own a name that begins with your domain.",
			Upstream: "k8s.io/kube-openapi/pkg/aggregator/aggregator.go, mergeSpecs",
			find:     findRenamed,
			Failing: `# wardle/api
"definitions": {"Spec": {"type": "object", "properties": {"a": {"type": "string"}}}}
# orchard/api
"definitions": {"Spec": {"type": "object", "properties": {"b": {"type": "string"}}}}`,
			Mended: `# orchard/api
"definitions": {"com.example.orchard.v1.Spec": {"type": "object", "properties": {"b": {"type": "string"}}}}`,
		},
	}
}

// referenceChecks are about names and references.
func referenceChecks() []Check {
	return []Check{
		{
			Code: "KAGG067", Name: "ref-dangling", Area: AreaOpenAPI, Severity: SeverityError,
			Title:    "a reference to a definition that is not there",
			Why:      "kubectl refuses the whole merged /openapi/v2 with unknown model in reference, for the kinds of all backends; in v3 kubectl explain stops at the field.",
			Mend:     "Add the definition, or mend the reference. Generated definitions lack types that were not passed to openapi-gen.",
			Upstream: "k8s.io/kube-openapi/pkg/util/proto/document.go, parseReference",
			find:     referring(fateDangles, saysDangling),
			Failing:  `"spec": {"$ref": "#/definitions/com.example.wardle.v1.FlunderSpec"}   # there is no such definition`,
			Mended:   `"definitions": {"com.example.wardle.v1.FlunderSpec": {"type": "object"}, ...}`,
		},
		{
			Code: "KAGG068", Name: "ref-escaped", Area: AreaOpenAPI, Severity: SeverityError,
			Title:    "a reference that is escaped where it need not be",
			Why:      "kube-openapi and kubectl compare what comes after #/definitions/ with the names to the letter: an escaped one leads nowhere, and kubectl refuses the whole document.",
			Mend:     "Write the name as it is, or give the definition a name without characters that are escaped.",
			Upstream: "k8s.io/kube-openapi/pkg/util/proto/document.go, parseReference",
			find:     referring(fateEscaped, saysEscaped),
			Failing:  `{"$ref": "#/definitions/com.example.Pair%5Bint%5D"}   # the name is com.example.Pair[int]`,
			Mended:   `{"$ref": "#/definitions/com.example.PairOfInt"}`,
		},
		{
			Code: "KAGG069", Name: "definition-slash", Area: AreaOpenAPI, Severity: SeverityError,
			Title: "a definition with a slash in its name",
			Why: "A slash divides the parts of a reference. Escaped (~1) the reference is unknown to kubectl, which refuses the whole document; as it is " +
				"(/) it is unknown to every JSON pointer, kubectl explain and client generators among them.",
			Mend:     "Name definitions by dots, such as com.example.wardle.v1.Flunder: use openapinamer.NewDefinitionNamer, and OpenAPIModelName where types have it.",
			Upstream: "k8s.io/apiserver/pkg/endpoints/openapi/openapi.go, GetDefinitionName",
			find:     findSlashes,
			Failing:  `"definitions": {"example.com/wardle/v1.Flunder": {...}}`,
			Mended:   `"definitions": {"com.example.wardle.v1.Flunder": {...}}`,
		},
	}
}

// kindChecks are about what documents say of kinds.
func kindChecks() []Check {
	return []Check{
		{
			Code: "KAGG070", Name: "gvk-missing", Area: AreaOpenAPI, Severity: SeverityWarning,
			Title:    "a kind that no definition says to describe",
			Why:      "Clients find the schema of a kind by x-kubernetes-group-version-kind: kubectl explain says that the kind is not found, and apply works without its types.",
			Mend:     "Write x-kubernetes-group-version-kind into the definition, as k8s.io/apiserver does for types that are in its scheme.",
			Upstream: "k8s.io/kubectl/pkg/explain/v2/templates/plaintext.tmpl",
			find:     findKindsWithoutDefinition,
			Failing:  `"com.example.wardle.v1.Flunder": {"type": "object"}`,
			Mended: `"com.example.wardle.v1.Flunder": {"type": "object", "x-kubernetes-group-version-kind": [
  {"group": "wardle.example.com", "version": "v1", "kind": "Flunder"}]}`,
		},
		{
			Code: "KAGG071", Name: "gvk-duplicate", Area: AreaOpenAPI, Severity: SeverityWarning,
			Title:    "a group-version-kind that is claimed twice",
			Why:      "Which of the definitions a client takes is left to chance: validation and apply go by the wrong one on some days.",
			Mend:     "Keep the group-version-kind on the one definition that describes the kind.",
			Upstream: "k8s.io/kubectl/pkg/util/openapi/openapi.go, NewOpenAPIData",
			find:     findDuplicateGVKs,
			Failing: `"com.example.wardle.v1.Flunder": {"x-kubernetes-group-version-kind": [{"group": "wardle.example.com", "version": "v1", "kind": "Flunder"}]},
"com.example.wardle.v1.OldFlunder": {"x-kubernetes-group-version-kind": [{"group": "wardle.example.com", "version": "v1", "kind": "Flunder"}]}`,
			Mended: `"com.example.wardle.v1.OldFlunder": {}`,
		},
		{
			Code: "KAGG072", Name: "gvk-malformed", Area: AreaOpenAPI, Severity: SeverityError,
			Title: "an x-kubernetes-group-version-kind that is no list of objects",
			Why: "kube-openapi cannot unite it with that of an equal definition: once two APIServices share the definition, the merge of /openapi/v2 fails " +
				"for the whole server. Clients do not find the kind in any case.",
			Mend:     "Write a list of objects with group, version and kind.",
			Upstream: "k8s.io/kube-openapi/pkg/aggregator/aggregator.go, mergedGVKs",
			find:     findMalformedGVKs,
			Failing:  `"x-kubernetes-group-version-kind": {"group": "wardle.example.com", "version": "v1", "kind": "Flunder"}`,
			Mended:   `"x-kubernetes-group-version-kind": [{"group": "wardle.example.com", "version": "v1", "kind": "Flunder"}]`,
		},
		{
			Code: "KAGG073", Name: "operation-gvk-missing", Area: AreaOpenAPI, Severity: SeverityWarning,
			Title:    "a resource whose operations do not say its kind",
			Why:      "kubectl explain finds the kind of a resource in its paths, and kubectl apply --dry-run=server looks there whether dry run is served: both fail.",
			Mend:     "Write x-kubernetes-group-version-kind into the operations of the resource's paths, as k8s.io/apiserver does.",
			Upstream: "k8s.io/kubectl/pkg/explain/v2/templates/plaintext.tmpl",
			find:     findOperationsWithoutGVK,
			Failing:  `"/apis/wardle.example.com/v1/namespaces/{namespace}/flunders": {"get": {"responses": {...}}}`,
			Mended: `"/apis/wardle.example.com/v1/namespaces/{namespace}/flunders": {"get": {"responses": {...},
  "x-kubernetes-group-version-kind": {"group": "wardle.example.com", "version": "v1", "kind": "Flunder"}}}`,
		},
		{
			Code: "KAGG074", Name: "list-type-missing", Area: AreaOpenAPI, Severity: SeverityWarning,
			Title: "a list of objects that does not say how to merge it",
			Why: "Server-side apply takes such a list for atomic: who applies it owns all of it, so that two appliers (a user and a controller, GitOps and an " +
				"autoscaler) take each other's items away.",
			Mend:     "Write // +listType=map with +listMapKey, or +listType=atomic where that is meant, above the field, and generate again.",
			Upstream: "k8s.io/kube-openapi/pkg/schemaconv/smd.go, getListElementRelationship",
			find:     findUntypedLists,
			Failing:  `"hooks": {"type": "array", "items": {"$ref": "#/definitions/com.example.wardle.v1.Hook"}}`,
			Mended: `"hooks": {"type": "array", "items": {"$ref": "#/definitions/com.example.wardle.v1.Hook"},
  "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}`,
		},
	}
}
