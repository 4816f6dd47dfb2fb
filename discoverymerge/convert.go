package discoverymerge

import (
	"fmt"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints"
)

// FromLegacy converts the answer of /apis/<group>/<version> (or /api/<version>) to the entry of an aggregated
// document. Like upstream it does not compare list.GroupVersion with gv, and leaves a response kind's group and
// version empty where the list does, which means those of gv. Freshness is not set. It fails for a nil list, and
// when a subresource has another scope than its resource. The result shares no memory with list.
//
// It follows k8s.io/kube-aggregator pkg/apiserver/handler_discovery.go, fetchFreshDiscoveryForService.
func FromLegacy(gv schema.GroupVersion, list *metav1.APIResourceList) (*apidiscoveryv2.APIVersionDiscovery, error) {
	if list == nil {
		return nil, fmt.Errorf("convert legacy discovery of %s: there is no APIResourceList", gv)
	}
	resources, err := endpoints.ConvertGroupVersionIntoToDiscovery(list.DeepCopy().APIResources)
	if err != nil {
		return nil, fmt.Errorf("convert legacy discovery of %s: %w", gv, err)
	}
	return &apidiscoveryv2.APIVersionDiscovery{Version: gv.Version, Resources: resources}, nil
}

// FromAggregated takes a backend's aggregated document apart, one entry for each group-version. Of a
// group-version that is in it twice the last counts. A missing response kind becomes an empty one, because
// client-go v0.26.0 to v0.26.3 panics without. The result shares no memory with list; a nil list gives an empty map.
//
// It follows k8s.io/kube-aggregator pkg/apiserver/handler_discovery.go, fetchFreshDiscoveryForService.
func FromAggregated(list *apidiscoveryv2.APIGroupDiscoveryList) map[schema.GroupVersion]apidiscoveryv2.APIVersionDiscovery {
	entries := map[schema.GroupVersion]apidiscoveryv2.APIVersionDiscovery{}
	if list == nil {
		return entries
	}
	for g := range list.Items {
		group := &list.Items[g]
		for v := range group.Versions {
			entry := group.Versions[v].DeepCopy()
			fillResponseKinds(entry.Resources)
			entries[schema.GroupVersion{Group: group.Name, Version: entry.Version}] = *entry
		}
	}
	return entries
}

func fillResponseKinds(resources []apidiscoveryv2.APIResourceDiscovery) {
	for r := range resources {
		if resources[r].ResponseKind == nil {
			resources[r].ResponseKind = &metav1.GroupVersionKind{}
		}
		subresources := resources[r].Subresources
		for s := range subresources {
			if subresources[s].ResponseKind == nil {
				subresources[s].ResponseKind = &metav1.GroupVersionKind{}
			}
		}
	}
}
