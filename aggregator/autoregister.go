package aggregator

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistrationclient "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/typed/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/controllers/autoregister"
)

// priority is where a group, and a version in it, stand in the merged order.
type priority struct{ group, version int32 }

// localPriorities are those that a kube-apiserver gives its own group-versions
// (kubernetes, pkg/controlplane/apiserver/aggregator.go,
// DefaultGenericAPIServicePriorities, and pkg/controlplane/instance.go).
var localPriorities = map[schema.GroupVersion]priority{
	{Group: "", Version: "v1"}:                                  {18000, 1},
	{Group: "apps", Version: "v1"}:                              {17800, 15},
	{Group: "events.k8s.io", Version: "v1"}:                     {17750, 15},
	{Group: "authentication.k8s.io", Version: "v1"}:             {17700, 15},
	{Group: "authorization.k8s.io", Version: "v1"}:              {17600, 15},
	{Group: "autoscaling", Version: "v1"}:                       {17500, 15},
	{Group: "autoscaling", Version: "v2"}:                       {17500, 30},
	{Group: "batch", Version: "v1"}:                             {17400, 15},
	{Group: "certificates.k8s.io", Version: "v1"}:               {17300, 15},
	{Group: "networking.k8s.io", Version: "v1"}:                 {17200, 15},
	{Group: "policy", Version: "v1"}:                            {17100, 15},
	{Group: "rbac.authorization.k8s.io", Version: "v1"}:         {17000, 15},
	{Group: "storage.k8s.io", Version: "v1"}:                    {16800, 15},
	{Group: "apiextensions.k8s.io", Version: "v1"}:              {16700, 15},
	{Group: "admissionregistration.k8s.io", Version: "v1"}:      {16700, 15},
	{Group: "scheduling.k8s.io", Version: "v1"}:                 {16600, 15},
	{Group: "coordination.k8s.io", Version: "v1"}:               {16500, 15},
	{Group: "node.k8s.io", Version: "v1"}:                       {16300, 15},
	{Group: "discovery.k8s.io", Version: "v1"}:                  {16200, 15},
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1"}:      {16100, 21},
	{Group: "flowcontrol.apiserver.k8s.io", Version: "v1beta3"}: {16100, 18},
	{Group: "resource.k8s.io", Version: "v1"}:                   {15900, 15},
}

// localPriority returns the priorities of a local group-version; zeros, which
// the merge reads as upstream's defaults, for one that has none of its own.
func localPriority(gv schema.GroupVersion) priority { return localPriorities[gv] }

// registerLocalAPIServices makes a Local APIService for each local
// group-version, as a kube-apiserver does at its start, so that it is listed and
// ordered as in a cluster. apiregistration.k8s.io has none there either.
func registerLocalAPIServices(ctx context.Context, client apiregistrationclient.APIServiceInterface, local *localAPIs) error {
	for _, gv := range slices.SortedFunc(maps.Keys(local.discovery), compareGroupVersions) {
		p, ok := localPriorities[gv]
		if !ok {
			continue
		}
		_, err := client.Create(ctx, &apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{
				Name:   gv.Version + "." + gv.Group,
				Labels: map[string]string{autoregister.AutoRegisterManagedLabel: "onstart"},
			},
			Spec: apiregistrationv1.APIServiceSpec{
				Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: p.group, VersionPriority: p.version,
			},
		}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("registering the local group-version %s: %w", gv, err)
		}
	}
	return nil
}
