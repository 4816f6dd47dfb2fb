package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/discoverymerge"
)

func findDiscoveryDiffers(f Facts) []Finding {
	var out []Finding
	for _, b := range f.live() {
		aggregated, err := discoverymerge.DecodeAggregated(b.Documents.Discovery)
		if err != nil {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(b.Legacy)) {
			gv, err := schema.ParseGroupVersion(name)
			one, listed := aggregated[gv]
			if err != nil || !listed || !b.Legacy[name].OK() {
				continue
			}
			other, err := discoverymerge.DecodeLegacy(gv, b.Documents.Legacy[name])
			if err != nil {
				continue
			}
			for _, d := range differences(described(gv, &one), described(gv, other)) {
				out = append(out, Finding{Message: d.message, Where: b.where(b.Legacy[name].Path, d.resource)})
			}
		}
	}
	return out
}

// described gives what clients read of each resource and subresource, by name and then by field, with all lists in
// order.
func described(gv schema.GroupVersion, v *apidiscoveryv2.APIVersionDiscovery) map[string]map[string]string {
	out := map[string]map[string]string{}
	for i := range v.Resources {
		r := &v.Resources[i]
		out[r.Resource] = map[string]string{
			"scope": string(r.Scope), "singular name": r.SingularResource, "kind": kindIn(gv, r.ResponseKind),
			"short names": sorted(r.ShortNames), "categories": sorted(r.Categories), "verbs": sorted(r.Verbs),
		}
		for j := range r.Subresources {
			s := &r.Subresources[j]
			out[r.Resource+"/"+s.Subresource] = map[string]string{"kind": kindIn(gv, s.ResponseKind), "verbs": sorted(s.Verbs)}
		}
	}
	return out
}

// kindIn writes a kind, whose group and version are those of the list where they are not given.
func kindIn(gv schema.GroupVersion, k *metav1.GroupVersionKind) string {
	if k == nil {
		return ""
	}
	if k.Group == "" && k.Version == "" {
		k = &metav1.GroupVersionKind{Group: gv.Group, Version: gv.Version, Kind: k.Kind}
	}
	return strings.Trim(k.Group+"/"+k.Version, "/") + " " + k.Kind
}

func sorted(values []string) string {
	return strings.Join(slices.Sorted(slices.Values(values)), ", ")
}

// difference is one field that differs.
type difference struct{ resource, message string }

func differences(aggregated, legacy map[string]map[string]string) []difference {
	var out []difference
	all := maps.Clone(aggregated)
	maps.Copy(all, legacy)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		one, other := aggregated[name], legacy[name]
		switch {
		case one == nil:
			out = append(out, difference{name, "the resource list has it, the aggregated document does not"})
			continue
		case other == nil:
			out = append(out, difference{name, "the aggregated document has it, the resource list does not"})
			continue
		}
		for _, field := range slices.Sorted(maps.Keys(one)) {
			if one[field] != other[field] {
				out = append(out, difference{name, fmt.Sprintf("its %s: %q in the aggregated document, %q in the resource list", field, one[field], other[field])})
			}
		}
	}
	return out
}
