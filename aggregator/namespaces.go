package aggregator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/dynamic"

	"github.com/kagg-project/kagg/delegate"
)

// namespaceController is who empties namespaces in a cluster.
var namespaceController = &user.DefaultInfo{
	Name:   "system:serviceaccount:kube-system:namespace-controller",
	Groups: []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", user.AllAuthenticated},
}

// emptyNamespace deletes what custom apiservers keep in a namespace, as the
// namespace controller of a cluster does. nil means that nothing is left; an
// error, that the namespace has to wait: for finalizers, or, as in a cluster, for
// a backend that cannot be asked what it has.
func (a *Aggregator) emptyNamespace(ctx context.Context, namespace string) error {
	s := a.snapshots.load()
	if s == nil {
		return errors.New("the APIs are not known yet")
	}
	client, err := dynamic.NewForConfig(delegate.InProcess(a.routes, namespaceController))
	if err != nil {
		return err
	}
	resources, errs := s.remoteNamespaced()
	for _, r := range resources {
		if err := empty(ctx, client.Resource(r.GroupVersionResource).Namespace(namespace), r.verbs); err != nil {
			errs = append(errs, fmt.Errorf("namespace %s: %s: %w", namespace, r.GroupVersionResource, err))
		}
	}
	return errors.Join(errs...)
}

// namespaced is a resource of a custom apiserver.
type namespaced struct {
	schema.GroupVersionResource
	verbs []string
}

// remoteNamespaced lists the namespaced resources that custom apiservers have and
// that can be listed and deleted, each in its preferred version; and why some may
// be missing.
func (s *Snapshot) remoteNamespaced() ([]namespaced, []error) {
	var out []namespaced
	var errs []error
	seen := map[schema.GroupResource]bool{}
	for _, group := range s.discovery.result.Aggregated.Items {
		for _, version := range group.Versions {
			gv := schema.GroupVersion{Group: group.Name, Version: version.Version}
			route := s.routes["/apis/"+gv.String()]
			if route == nil || route.target.Local {
				continue
			}
			if version.Freshness == apidiscoveryv2.DiscoveryFreshnessStale {
				errs = append(errs, fmt.Errorf("the resources of %s are not known: its backend cannot be asked", gv))
			}
			for _, r := range version.Resources {
				gr := schema.GroupResource{Group: group.Name, Resource: r.Resource}
				if r.Scope != apidiscoveryv2.ScopeNamespace || seen[gr] || !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "delete") {
					continue
				}
				seen[gr] = true
				out = append(out, namespaced{gr.WithVersion(version.Version), r.Verbs})
			}
		}
	}
	return out, errs
}

// empty deletes every object of a resource in a namespace, at once where the
// resource can, and tells what is left.
func empty(ctx context.Context, in dynamic.ResourceInterface, verbs []string) error {
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{PropagationPolicy: &background}
	if slices.Contains(verbs, "deletecollection") {
		if err := in.DeleteCollection(ctx, options, metav1.ListOptions{}); err != nil {
			return err
		}
	} else if err := deleteEach(ctx, in, options); err != nil {
		return err
	}
	list, err := in.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	if left := len(list.Items); left > 0 {
		return fmt.Errorf("%d objects are still there", left)
	}
	return nil
}

func deleteEach(ctx context.Context, in dynamic.ResourceInterface, options metav1.DeleteOptions) error {
	list, err := in.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, o := range list.Items {
		if err := in.Delete(ctx, o.GetName(), options); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
