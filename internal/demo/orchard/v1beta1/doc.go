// Package v1beta1 is the orchard's API as it was first served: what v1 calls
// variety is called cultivar here.
//
// +k8s:openapi-gen=true
// +k8s:openapi-model-package=dev.kagg.demo.orchard.v1beta1
package v1beta1
