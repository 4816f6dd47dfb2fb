package discoverymerge_test

import (
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"pgregory.net/rapid"

	"github.com/kagg-project/kagg/discoverymerge"
)

var (
	drawnGroups   = []string{"", "a.io", "b.io", "c.io", "d.io", "apiregistration.k8s.io"}
	drawnVersions = []string{"v1", "v2", "v10", "v1beta1", "v2beta1", "v1alpha1", "foo", "bar"}
	drawnBackends = []string{"ns/x:443", "ns/y:443", "ns/z:8443"}
	drawnNames    = []string{"foos", "bars", "foo", "bar", "f", "b", "x"}
)

func groupVersions() *rapid.Generator[schema.GroupVersion] {
	return rapid.Custom(func(t *rapid.T) schema.GroupVersion {
		group := rapid.SampledFrom(drawnGroups).Draw(t, "group")
		if group == "" {
			return schema.GroupVersion{Version: "v1"}
		}
		return schema.GroupVersion{Group: group, Version: rapid.SampledFrom(drawnVersions).Draw(t, "version")}
	})
}

func resources() *rapid.Generator[[]apidiscoveryv2.APIResourceDiscovery] {
	one := rapid.Custom(func(t *rapid.T) apidiscoveryv2.APIResourceDiscovery {
		resource := apidiscoveryv2.APIResourceDiscovery{
			Resource:         rapid.SampledFrom(drawnNames[:3]).Draw(t, "resource"),
			Scope:            rapid.SampledFrom([]apidiscoveryv2.ResourceScope{"Cluster", "Namespaced"}).Draw(t, "scope"),
			SingularResource: rapid.SampledFrom([]string{"", "foo", "bar"}).Draw(t, "singular"),
			Verbs:            []string{"get", "list"},
			ShortNames:       rapid.SliceOfN(rapid.SampledFrom(drawnNames[2:]), 0, 2).Draw(t, "short names"),
		}
		if rapid.Bool().Draw(t, "with kind") {
			resource.ResponseKind = &metav1.GroupVersionKind{Kind: rapid.SampledFrom([]string{"Foo", "Bar", "X"}).Draw(t, "kind")}
		}
		if rapid.Bool().Draw(t, "with subresource") {
			resource.Subresources = []apidiscoveryv2.APISubresourceDiscovery{{Subresource: "status", Verbs: []string{"get"}}}
		}
		return resource
	})
	return rapid.SliceOfNDistinct(one, 0, 3, func(r apidiscoveryv2.APIResourceDiscovery) string { return r.Resource })
}

func priorities() *rapid.Generator[int32] {
	return rapid.SampledFrom([]int32{1, 15, 100, 1000, 20000})
}

// drawCluster draws a cluster that upstream can hold: no APIService twice, and each with its one allowed name.
func drawCluster(t *rapid.T) *cluster {
	c := &cluster{services: map[string]*backend{}}
	for _, name := range drawnBackends {
		c.services[name] = &backend{
			mode: rapid.SampledFrom([]string{modeAggregated, modeAggregated, modeLegacy, modeDown, modeBroken}).Draw(t, "mode"),
			listed: rapid.MapOfN(groupVersions().Filter(func(gv schema.GroupVersion) bool { return gv.Group != "" }),
				resources(), 0, 4).Draw(t, "listed"),
		}
	}
	remote := rapid.SliceOfNDistinct(groupVersions(), 0, 12, rapid.ID[schema.GroupVersion]).Draw(t, "remote")
	taken := map[schema.GroupVersion]bool{}
	for _, gv := range remote {
		taken[gv] = true
		c.remote = append(c.remote, drawAPIService(t, gv))
	}
	c.drawDelegate(t, taken)
	return c
}

func drawAPIService(t *rapid.T, gv schema.GroupVersion) apiServiceSpec {
	spec := apiServiceSpec{
		gv:      gv,
		group:   priorities().Draw(t, "group priority"),
		version: priorities().Draw(t, "version priority"),
		backend: rapid.SampledFrom(drawnBackends).Draw(t, "backend"),
	}
	spec.asObject = &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: gv.Version + "." + gv.Group},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: spec.group, VersionPriority: spec.version,
			Service: &apiregistrationv1.ServiceReference{Namespace: "ns", Name: spec.backend[3:4]},
		},
	}
	return spec
}

// drawDelegate draws built-in group-versions and CRDs, with and without an APIService.
func (c *cluster) drawDelegate(t *rapid.T, taken map[schema.GroupVersion]bool) {
	for _, source := range []discoverymerge.Source{discoverymerge.SourceBuiltin, discoverymerge.SourceCRD} {
		local := rapid.SliceOfNDistinct(groupVersions(), 0, 6, rapid.ID[schema.GroupVersion]).Draw(t, "local")
		for _, gv := range local {
			if gv.Group == "" || gv.Group == apiregistrationv1.GroupName {
				continue
			}
			in := discoverymerge.Input{
				Group: gv.Group, Version: gv.Version, Local: true, Source: source, Backend: "local",
				Entry: &apidiscoveryv2.APIVersionDiscovery{
					Version: gv.Version, Resources: resources().Draw(t, "local resources"),
				},
			}
			if !taken[gv] && rapid.Bool().Draw(t, "with APIService") {
				taken[gv] = true
				in.APIService = gv.Version + "." + gv.Group
			}
			if in.APIService != "" || rapid.Bool().Draw(t, "with priority") {
				in.GroupPriorityMinimum = priorities().Draw(t, "group priority")
				in.VersionPriority = priorities().Draw(t, "version priority")
			} else if source == discoverymerge.SourceCRD {
				in.GroupPriorityMinimum, in.VersionPriority = 1000, 100
			}
			c.delegate = append(c.delegate, in)
		}
	}
	if rapid.Bool().Draw(t, "with apiregistration") {
		c.delegate = append(c.delegate, discoverymerge.Input{
			Group: apiregistrationv1.GroupName, Version: "v1", Local: true, Source: discoverymerge.SourceBuiltin,
			Backend: "local", Entry: &apidiscoveryv2.APIVersionDiscovery{Version: "v1"},
		})
	}
}
