package customresources

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/endpoints/discovery"
)

// What upstream's discovery says of custom objects (k8s.io/apiextensions-apiserver pkg/apiserver,
// customresource_discovery_controller.go, sync).
var (
	verbs            = metav1.Verbs{"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"}
	terminatingVerbs = metav1.Verbs{"delete", "deletecollection", "get", "list", "watch"}
	subresourceVerbs = metav1.Verbs{"get", "patch", "update"}
)

// discover makes the entry of each served group-version, its resources sorted.
func discover(established []*apiextensionsv1.CustomResourceDefinition) map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery {
	out := map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery{}
	for _, crd := range established {
		for i := range crd.Spec.Versions {
			v := &crd.Spec.Versions[i]
			if !v.Served {
				continue
			}
			gv := schema.GroupVersion{Group: crd.Spec.Group, Version: v.Name}
			entry := out[gv]
			if entry == nil {
				entry = &apidiscoveryv2.APIVersionDiscovery{Version: v.Name, Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent}
				out[gv] = entry
			}
			entry.Resources = append(entry.Resources, discoverResource(crd, v))
		}
	}
	for _, entry := range out {
		slices.SortFunc(entry.Resources, func(a, b apidiscoveryv2.APIResourceDiscovery) int { return cmp.Compare(a.Resource, b.Resource) })
	}
	return out
}

func discoverResource(crd *apiextensionsv1.CustomResourceDefinition, v *apiextensionsv1.CustomResourceDefinitionVersion) apidiscoveryv2.APIResourceDiscovery {
	names := &crd.Status.AcceptedNames
	kind := &metav1.GroupVersionKind{Group: crd.Spec.Group, Version: v.Name, Kind: names.Kind}
	r := apidiscoveryv2.APIResourceDiscovery{
		Resource: names.Plural, SingularResource: names.Singular, ResponseKind: kind, Scope: apidiscoveryv2.ScopeCluster,
		Verbs: verbs, ShortNames: names.ShortNames, Categories: names.Categories,
	}
	if crd.Spec.Scope == apiextensionsv1.NamespaceScoped {
		r.Scope = apidiscoveryv2.ScopeNamespace
	}
	if apihelpers.IsCRDConditionTrue(crd, apiextensionsv1.Terminating) {
		r.Verbs = terminatingVerbs
	}
	if v.Subresources == nil {
		return r
	}
	if v.Subresources.Status != nil {
		r.Subresources = append(r.Subresources, apidiscoveryv2.APISubresourceDiscovery{Subresource: "status", ResponseKind: kind, Verbs: subresourceVerbs})
	}
	if v.Subresources.Scale != nil {
		scale := metav1.GroupVersionKind(autoscalingv1.SchemeGroupVersion.WithKind("Scale"))
		r.Subresources = append(r.Subresources, apidiscoveryv2.APISubresourceDiscovery{Subresource: "scale", ResponseKind: &scale, Verbs: subresourceVerbs})
	}
	return r
}

// discoveryHandler answers /apis/GROUP and /apis/GROUP/VERSION; nil where no definition has them.
func (c *Catalog) discoveryHandler(path string) http.Handler {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "apis" {
		return nil
	}
	if len(parts) == 3 {
		gv := schema.GroupVersion{Group: parts[1], Version: parts[2]}
		if c.discovery[gv] == nil {
			return nil
		}
		return discovery.NewAPIVersionHandler(apiserver.Codecs, gv, discovery.APIResourceListerFunc(func() []metav1.APIResource {
			return c.resources(gv)
		}))
	}
	group := metav1.APIGroup{Name: parts[1]}
	for gv := range c.discovery {
		if gv.Group == group.Name {
			group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version})
		}
	}
	if len(group.Versions) == 0 {
		return nil
	}
	slices.SortFunc(group.Versions, func(a, b metav1.GroupVersionForDiscovery) int {
		return version.CompareKubeAwareVersionStrings(b.Version, a.Version)
	})
	group.PreferredVersion = group.Versions[0]
	return discovery.NewAPIGroupHandler(apiserver.Codecs, group)
}

// resources is the unaggregated list of a group-version: in order of the definitions' names, subresources
// after their resource, and with the hash of the stored version.
func (c *Catalog) resources(gv schema.GroupVersion) []metav1.APIResource {
	out := []metav1.APIResource{}
	for _, crd := range c.established {
		if crd.Spec.Group != gv.Group {
			continue
		}
		for i := range crd.Spec.Versions {
			if v := &crd.Spec.Versions[i]; v.Name == gv.Version && v.Served {
				out = append(out, legacyResources(crd, v)...)
			}
		}
	}
	return out
}

func legacyResources(crd *apiextensionsv1.CustomResourceDefinition, v *apiextensionsv1.CustomResourceDefinitionVersion) []metav1.APIResource {
	r := discoverResource(crd, v)
	namespaced := r.Scope == apidiscoveryv2.ScopeNamespace
	main := metav1.APIResource{
		Name: r.Resource, SingularName: r.SingularResource, Namespaced: namespaced, Kind: r.ResponseKind.Kind,
		Verbs: r.Verbs, ShortNames: r.ShortNames, Categories: r.Categories,
	}
	if stored, err := apihelpers.GetCRDStorageVersion(crd); err == nil {
		main.StorageVersionHash = discovery.StorageVersionHash(crd.Spec.Group, stored, r.ResponseKind.Kind)
	}
	out := append(make([]metav1.APIResource, 0, 1+len(r.Subresources)), main)
	for _, sub := range r.Subresources {
		s := metav1.APIResource{Name: r.Resource + "/" + sub.Subresource, Namespaced: namespaced, Kind: sub.ResponseKind.Kind, Verbs: sub.Verbs}
		if sub.ResponseKind.Group != crd.Spec.Group {
			s.Group, s.Version = sub.ResponseKind.Group, sub.ResponseKind.Version
		}
		out = append(out, s)
	}
	return out
}
