package aggregator

import (
	"cmp"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// compareGroupVersions orders by group, then version.
func compareGroupVersions(a, b schema.GroupVersion) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version))
}

// compareBackends orders by service, then by what tells two backends of one
// service apart.
func compareBackends(a, b backendKey) int {
	return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.name, b.name), cmp.Compare(a.port, b.port),
		cmp.Compare(a.tls, b.tls), cmp.Compare(a.address, b.address))
}
