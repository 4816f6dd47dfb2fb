package check

import "github.com/kagg-project/kagg/proxy"

// objectChecks are about the objects, alone and together.
func objectChecks() []Check { return append(manifestChecks(), orderChecks()...) }

// manifestChecks are about what each object says.
func manifestChecks() []Check {
	return []Check{
		{
			Code: "KAGG001", Name: "object-refused", Area: AreaObjects, Severity: SeverityError,
			Title:    "an object that is no valid manifest",
			Why:      "kagg does not take it, and neither does a kube-apiserver: kubectl apply fails, or drops the unknown field with a warning.",
			Mend:     "Correct the field that is named.",
			find:     findRefused,
			Upstream: "k8s.io/kube-aggregator/pkg/apis/apiregistration/validation/validation.go, ValidateAPIService",
			Failing: `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.wardle.example.com}
spec:
  group: wardle.example.com
  version: v1
  groupPriorityMinimum: 1000
  versionPrioritty: 15`,
			Mended: `  versionPriority: 15`,
		},
		{
			Code: "KAGG002", Name: "apiservice-name", Area: AreaObjects, Severity: SeverityError,
			Title:    "an APIService whose name is not its version, a dot and its group",
			Why:      "The name must be what the spec makes it: a kube-apiserver refuses the object, so that nobody reaches the API.",
			Mend:     "Write the name as spec.version, a dot, spec.group.",
			Upstream: "k8s.io/kube-aggregator/pkg/apis/apiregistration/validation/validation.go, ValidateAPIService",
			find:     findNameMismatch,
			Failing: `metadata: {name: wardle.example.com}
spec: {group: wardle.example.com, version: v1alpha1}`,
			Mended: `metadata: {name: v1alpha1.wardle.example.com}
spec: {group: wardle.example.com, version: v1alpha1}`,
		},
		{
			Code: "KAGG003", Name: "service-not-found", Area: AreaObjects, Severity: SeverityError,
			Title:    "an APIService whose Service does not exist",
			Why:      "Requests to the group-version fail with 503, and every client that lists all APIs (kubectl get all, helm, the deletion of namespaces) sees a stale group. Of manifests that nobody connects by it is a warning: the Service may be in another file.",
			Mend:     "Write the Service, or correct spec.service.",
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go, sync",
			find:     findServiceNotFound,
			Failing:  `spec: {service: {namespace: wardle, name: apis, port: 443}}   # the Service is wardle/api`,
			Mended:   `spec: {service: {namespace: wardle, name: api, port: 443}}`,
		},
		{
			Code: "KAGG004", Name: "service-port", Area: AreaObjects, Severity: SeverityError,
			Title:    "an APIService that names a port which its Service does not have",
			Why:      "spec.service.port is a port of the Service, not one of the container: with another one requests fail with 503 and the group is stale.",
			Mend:     "Name one of the Service's ports.",
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go, sync",
			find:     unresolved(proxy.CausePortNotFound),
			Failing: `spec: {service: {namespace: wardle, name: api, port: 8443}}
# Service wardle/api
spec: {ports: [{name: https, port: 443, targetPort: 8443}]}`,
			Mended: `spec: {service: {namespace: wardle, name: api, port: 443}}`,
		},
		{
			Code: "KAGG005", Name: "service-without-endpoints", Area: AreaObjects, Severity: SeverityError,
			Title:    "a Service without a ready endpoint for the port",
			Why:      "There is nobody to send requests to: they fail with 503 and the group is stale for every client. In manifests alone, a Service with a selector needs none: a cluster adds them.",
			Mend:     "Write an EndpointSlice with the label kubernetes.io/service-name, a ready endpoint, and a port of the Service port's name.",
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go, sync",
			find:     findNoEndpoints,
			Failing: `kind: EndpointSlice
endpoints: [{addresses: [127.0.0.1], conditions: {ready: false}}]
ports: [{name: https, port: 8443}]`,
			Mended: `kind: EndpointSlice
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
ports: [{name: https, port: 8443}]`,
		},
		{
			Code: "KAGG006", Name: "service-address", Area: AreaObjects, Severity: SeverityError,
			Title: "an address that cannot be used",
			Why:   "The annotation kagg.dev/endpoint, the type or the externalName of the Service leads nowhere, so that no request to the group-version is served.",
			Mend:  "Write an https URL into the annotation, or a host name into spec.externalName.",
			find:  findAddress,
			Failing: `kind: Service
metadata: {annotations: {kagg.dev/endpoint: "http://127.0.0.1:8443"}}`,
			Mended: `kind: Service
metadata: {annotations: {kagg.dev/endpoint: "https://127.0.0.1:8443"}}`,
		},
		{
			Code: "KAGG007", Name: "ca-bundle-missing", Area: AreaObjects, Severity: SeverityInfo,
			Title: "an APIService without a caBundle",
			Why: "kagg verifies such a backend by its own CA and the system's roots, so that a certificate of kagg cert works here as it is. " +
				"A cluster knows the system's roots alone: there the backend is unavailable with an x509 error, unless its certificate is publicly trusted or something (cert-manager's ca-injector, say) writes the caBundle.",
			Mend:     "Write the base64 of the CA's certificate into spec.caBundle before the manifest goes to a cluster, or have it injected there.",
			Upstream: "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/types.go, APIServiceSpec.CABundle",
			find:     findMissingCA,
			Failing:  `spec: {service: {namespace: wardle, name: api}}`,
			Mended: `spec:
  service: {namespace: wardle, name: api}
  caBundle: LS0tLS1CRUdJTi...   # base64 -w0 ca.crt`,
		},
		{
			Code: "KAGG008", Name: "insecure-skip-tls-verify", Area: AreaObjects, Severity: SeverityWarning,
			Title:    "an APIService that does not verify its backend",
			Why:      "Whoever can answer at the address gets the requests of all users, with what they write in them, and decides what they read.",
			Mend:     "Write the base64 of the CA's certificate into spec.caBundle, and remove insecureSkipTLSVerify.",
			Upstream: "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/types.go, APIServiceSpec.InsecureSkipTLSVerify",
			find:     findInsecure,
			Failing:  `spec: {insecureSkipTLSVerify: true}`,
			Mended:   `spec: {caBundle: LS0tLS1CRUdJTi...}   # base64 -w0 ca.crt`,
		},
	}
}
