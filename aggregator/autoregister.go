package aggregator

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistrationclient "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/typed/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/controllers/autoregister"

	"github.com/kagg-project/kagg/delegate"
)

// registerLocalAPIServices makes a Local APIService for each local
// group-version, as a kube-apiserver does at its start, so that it is listed and
// ordered as in a cluster. apiregistration.k8s.io has none there either.
func registerLocalAPIServices(ctx context.Context, client apiregistrationclient.APIServiceInterface, local *localAPIs) error {
	for _, gv := range slices.SortedFunc(maps.Keys(local.discovery), compareGroupVersions) {
		group, version, ok := delegate.Priority(gv)
		if !ok {
			continue
		}
		_, err := client.Create(ctx, &apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{
				Name:   gv.Version + "." + gv.Group,
				Labels: map[string]string{autoregister.AutoRegisterManagedLabel: "onstart"},
			},
			Spec: apiregistrationv1.APIServiceSpec{
				Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: group, VersionPriority: version,
			},
		}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("registering the local group-version %s: %w", gv, err)
		}
	}
	return nil
}
