// Package openapi holds the OpenAPI schemas of every kind that the delegate serves, with the
// documentation that kubectl explain shows. All of it is generated from k8s.io/api; the names of the
// schemas are those of a kube-apiserver. Beside them stands what is made of them: the OpenAPI documents of
// all that the delegate serves, which its package embeds.
package openapi

//go:generate go run k8s.io/kube-openapi/cmd/openapi-gen --output-dir . --output-pkg github.com/kagg-project/kagg/delegate/openapi --output-file zz_generated.openapi.go --report-filename /dev/null k8s.io/apimachinery/pkg/apis/meta/v1 k8s.io/apimachinery/pkg/runtime k8s.io/apimachinery/pkg/version k8s.io/apimachinery/pkg/api/resource k8s.io/apimachinery/pkg/util/intstr k8s.io/api/core/v1 k8s.io/api/admissionregistration/v1 k8s.io/api/apps/v1 k8s.io/api/authentication/v1 k8s.io/api/authorization/v1 k8s.io/api/autoscaling/v1 k8s.io/api/autoscaling/v2 k8s.io/api/batch/v1 k8s.io/api/certificates/v1 k8s.io/api/coordination/v1 k8s.io/api/discovery/v1 k8s.io/api/events/v1 k8s.io/api/flowcontrol/v1 k8s.io/api/flowcontrol/v1beta3 k8s.io/api/networking/v1 k8s.io/api/node/v1 k8s.io/api/policy/v1 k8s.io/api/rbac/v1 k8s.io/api/resource/v1 k8s.io/api/scheduling/v1 k8s.io/api/scheduling/v1alpha3 k8s.io/api/storage/v1 k8s.io/api/storagemigration/v1
//go:generate go run ./generate zz_generated.openapi.go zz_generated.makers.go
//go:generate go test -run ^TestPrebuilt .. -update
