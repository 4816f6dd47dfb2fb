package customresources

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Catalog is what the definitions make of discovery and OpenAPI at one moment. It is immutable, safe for
// concurrent use, and replaced when one of these changes; what did not change is the same pointer in both.
type Catalog struct {
	// established are the definitions that are served, sorted by name.
	established []*apiextensionsv1.CustomResourceDefinition
	discovery   map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery
	served      []schema.GroupVersion
	openAPI     *documents
}

// newCatalog makes the catalog of all definitions, which it does not change. Previous may be nil.
func newCatalog(previous *Catalog, definitions []*apiextensionsv1.CustomResourceDefinition) *Catalog {
	if previous == nil {
		previous = &Catalog{}
	}
	definitions = slices.SortedFunc(slices.Values(definitions), func(a, b *apiextensionsv1.CustomResourceDefinition) int {
		return cmp.Compare(a.Name, b.Name)
	})
	c := &Catalog{served: servedVersions(definitions)}
	for _, crd := range definitions {
		if apihelpers.IsCRDConditionTrue(crd, apiextensionsv1.Established) {
			c.established = append(c.established, crd)
		}
	}
	c.discovery = discover(c.established)
	for gv, entry := range c.discovery {
		if before := previous.discovery[gv]; equality.Semantic.DeepEqual(before, entry) {
			c.discovery[gv] = before
		}
	}
	c.openAPI = newDocuments(previous.openAPI, c.established)
	return c
}

func definitionsOf(objects []any) []*apiextensionsv1.CustomResourceDefinition {
	out := make([]*apiextensionsv1.CustomResourceDefinition, 0, len(objects))
	for _, o := range objects {
		if crd, ok := o.(*apiextensionsv1.CustomResourceDefinition); ok {
			out = append(out, crd)
		}
	}
	return out
}

// equal tells whether two catalogs say the same.
func (c *Catalog) equal(o *Catalog) bool {
	return maps.Equal(c.discovery, o.discovery) && slices.Equal(c.served, o.served) && c.openAPI == o.openAPI
}

// Discovery returns the entry of each group-version that is served. Nobody may change it.
func (c *Catalog) Discovery() map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery {
	return c.discovery
}

// Served lists the group-versions that a definition says to serve, established or not, sorted. In a cluster
// each has a Local APIService (k8s.io/kubernetes pkg/controlplane/controller/crdregistration).
func (c *Catalog) Served() []schema.GroupVersion { return c.served }

func servedVersions(definitions []*apiextensionsv1.CustomResourceDefinition) []schema.GroupVersion {
	all := map[schema.GroupVersion]bool{}
	for _, crd := range definitions {
		for i := range crd.Spec.Versions {
			if v := &crd.Spec.Versions[i]; v.Served {
				all[schema.GroupVersion{Group: crd.Spec.Group, Version: v.Name}] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b schema.GroupVersion) int {
		return cmp.Or(strings.Compare(a.Group, b.Group), strings.Compare(a.Version, b.Version))
	})
}
