package delegate

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration"
)

// storagePrefixes are the resources whose keys in etcd have other names than the resource
// (k8s.io/kubernetes pkg/kubeapiserver, default_storage_factory_builder.go).
var storagePrefixes = map[schema.GroupResource]string{
	{Resource: "replicationcontrollers"}:                "controllers",
	{Resource: "endpoints"}:                             "services/endpoints",
	{Resource: "nodes"}:                                 "minions",
	{Resource: "services"}:                              "services/specs",
	{Group: "networking.k8s.io", Resource: "ingresses"}: "ingress",
}

// StoragePrefix returns where a kube-apiserver keeps the objects of a resource in etcd, below its prefix:
// a built-in resource under its own name, with few exceptions; APIServices, CustomResourceDefinitions and
// custom resources under group and resource.
func StoragePrefix(gr schema.GroupResource) string {
	if prefix, ok := storagePrefixes[gr]; ok {
		return "/" + prefix
	}
	if gr.Group != apiregistration.GroupName && Scheme.IsGroupRegistered(gr.Group) {
		return "/" + gr.Resource
	}
	return "/" + gr.Group + "/" + gr.Resource
}
