package orchard

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/internal/demo/orchard/hub"
	"github.com/kagg-project/kagg/internal/demo/orchard/v1"
	"github.com/kagg-project/kagg/internal/demo/orchard/v1beta1"
)

// newScheme returns a scheme with the orchard's types and with the kinds that
// every Kubernetes API speaks. A scheme belongs to one server: nothing is shared
// between servers in one process.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{hub.AddToScheme, v1.AddToScheme, v1beta1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("cannot register the orchard's types: %w", err)
		}
	}
	// The order is the order of preference: v1 is what is stored and what a client
	// gets that does not say which version it wants.
	if err := scheme.SetVersionPriority(v1.GroupVersion, v1beta1.GroupVersion); err != nil {
		return nil, fmt.Errorf("cannot order the orchard's versions: %w", err)
	}

	// ListOptions and their kin are decoded from queries as core/v1, whatever the
	// group that is asked for.
	unversioned := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, unversioned)
	scheme.AddUnversionedTypes(unversioned,
		&metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	return scheme, nil
}
