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
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/kagg-project/kagg/delegate"
)

// namespaceController is who empties namespaces in a cluster. There, a bootstrap
// ClusterRole lets it into every apiserver; here, the group does.
var namespaceController = controllerUser("namespace-controller")

func controllerUser(name string) user.Info {
	return &user.DefaultInfo{
		Name:   "system:serviceaccount:kube-system:" + name,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", user.AllAuthenticated, user.SystemPrivilegedGroup},
	}
}

// emptyNamespace deletes what is in a namespace and not in the local APIs' own
// stores: custom resources, and what custom apiservers keep, as the namespace
// controller of a cluster does. A backend that cannot be asked what it has keeps
// the namespace, as there.
func (a *Aggregator) emptyNamespace(ctx context.Context, namespace string) delegate.Remains {
	var left delegate.Remains
	s := a.snapshots.load()
	if s == nil {
		left.Unknown = errors.New("the APIs are not known yet")
		return left
	}
	client, err := dynamic.NewForConfig(delegate.InProcess(a.routes, namespaceController))
	if err != nil {
		left.Fail(err)
		return left
	}
	served, unknown := s.servedResources()
	if len(unknown) > 0 {
		left.Unknown = &discovery.ErrGroupDiscoveryFailed{Groups: unknown}
	}
	for _, r := range served {
		if !r.namespaced || !r.has("delete", "list") || a.local.Serves(r.GroupResource()) {
			continue
		}
		left.Merge(empty(ctx, client.Resource(r.GroupVersionResource).Namespace(namespace), r, namespace))
	}
	return left
}

// servedResource is one resource of the merged discovery.
type servedResource struct {
	schema.GroupVersionResource
	kind       schema.GroupVersionKind
	namespaced bool
	verbs      []string
	// remote is true for what a custom apiserver has.
	remote bool
}

func (r *servedResource) has(verbs ...string) bool {
	for _, v := range verbs {
		if !slices.Contains(r.verbs, v) {
			return false
		}
	}
	return true
}

// servedResources lists every resource once, in its preferred version, in the
// order of the merged discovery; and the group versions whose resources are not
// known.
func (s *Snapshot) servedResources() ([]servedResource, map[schema.GroupVersion]error) {
	var out []servedResource
	unknown := map[schema.GroupVersion]error{}
	seen := map[schema.GroupResource]bool{}
	for _, group := range s.discovery.result.Aggregated.Items {
		for _, version := range group.Versions {
			gv := schema.GroupVersion{Group: group.Name, Version: version.Version}
			route := s.routes["/apis/"+gv.String()]
			if version.Freshness == apidiscoveryv2.DiscoveryFreshnessStale {
				unknown[gv] = fmt.Errorf("stale GroupVersion discovery: %v", gv)
			}
			for i := range version.Resources {
				r := &version.Resources[i]
				gr := schema.GroupResource{Group: group.Name, Resource: r.Resource}
				if seen[gr] {
					continue
				}
				seen[gr] = true
				kind := gv.WithKind(r.Resource)
				if r.ResponseKind != nil {
					kind = gv.WithKind(r.ResponseKind.Kind)
				}
				out = append(out, servedResource{
					GroupVersionResource: gr.WithVersion(version.Version), kind: kind, verbs: r.Verbs,
					namespaced: r.Scope == apidiscoveryv2.ScopeNamespace, remote: route != nil && !route.target.Local,
				})
			}
		}
	}
	return out, unknown
}

// empty deletes every object of a resource in a namespace, at once where the
// resource can, and tells what is left.
func empty(ctx context.Context, in dynamic.ResourceInterface, r servedResource, namespace string) delegate.Remains {
	var left delegate.Remains
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{PropagationPolicy: &background}
	var err error
	if r.has("deletecollection") {
		err = in.DeleteCollection(ctx, options, metav1.ListOptions{})
	}
	if !r.has("deletecollection") || apierrors.IsMethodNotSupported(err) || apierrors.IsNotFound(err) {
		err = deleteEach(ctx, in, options)
	}
	if err != nil {
		left.Fail(fmt.Errorf("deleting %s: %w", r.GroupVersionResource, err))
		return left
	}
	list, err := in.List(ctx, metav1.ListOptions{})
	switch {
	case apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err):
		return left
	case err != nil:
		left.Fail(fmt.Errorf("listing %s: %w", r.GroupVersionResource, err))
		return left
	}
	for i := range list.Items {
		left.Add(r.GroupVersionResource, list.Items[i].GetFinalizers())
	}
	if len(left.Objects) > 0 && len(left.Finalizers) == 0 {
		left.Fail(fmt.Errorf("unexpected items still remain in namespace: %s for gvr: %v", namespace, r.GroupVersionResource))
	}
	return left
}

func deleteEach(ctx context.Context, in dynamic.ResourceInterface, options metav1.DeleteOptions) error {
	list, err := in.List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for i := range list.Items {
		if err := in.Delete(ctx, list.Items[i].GetName(), options); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
