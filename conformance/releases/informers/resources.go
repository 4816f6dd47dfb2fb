package informers

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// Resources lists every resource of every served version that can be listed and
// watched, in the order of discovery.
func Resources(client discovery.DiscoveryInterface) ([]schema.GroupVersionResource, error) {
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		return nil, fmt.Errorf("discovering what is served: %w", err)
	}
	var out []schema.GroupVersionResource
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for i := range list.APIResources {
			if r := &list.APIResources[i]; syncable(r) {
				out = append(out, gv.WithResource(r.Name))
			}
		}
	}
	return out, nil
}

func syncable(r *metav1.APIResource) bool {
	return !strings.Contains(r.Name, "/") && slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "watch")
}

// Name is how a State calls a resource: "pods.v1", "deployments.v1.apps".
func Name(r schema.GroupVersionResource) string {
	if r.Group == "" {
		return r.Resource + "." + r.Version
	}
	return r.Resource + "." + r.Version + "." + r.Group
}
