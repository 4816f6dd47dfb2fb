// Package v1 is the current version of the orchard's API.
//
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=dev.kagg.demo.orchard.v1
package v1
