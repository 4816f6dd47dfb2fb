// Package openapi holds the OpenAPI schemas of the orchard's types and of the
// Kubernetes types they are made of, generated from Go comments: what kubectl
// explain shows and what server-side apply merges by. Nothing in it is written by
// hand.
package openapi

//go:generate go run k8s.io/kube-openapi/cmd/openapi-gen --go-header-file /dev/null --output-dir . --output-pkg github.com/kagg-project/kagg/internal/demo/orchard/openapi --output-file zz_generated.openapi.go --output-model-name-file zz_generated.model_name.go --report-filename /dev/null --readonly-pkg k8s.io/apimachinery/pkg/apis/meta/v1 --readonly-pkg k8s.io/apimachinery/pkg/runtime --readonly-pkg k8s.io/apimachinery/pkg/version ../v1 ../v1beta1 k8s.io/apimachinery/pkg/apis/meta/v1 k8s.io/apimachinery/pkg/runtime k8s.io/apimachinery/pkg/version
