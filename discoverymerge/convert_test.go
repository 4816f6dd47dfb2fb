package discoverymerge_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/discoverymerge"
)

var flunders = schema.GroupVersion{Group: "wardle.example.com", Version: "v1alpha1"}

func TestFromLegacy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		list    *metav1.APIResourceList
		want    *apidiscoveryv2.APIVersionDiscovery
		wantErr string
	}{
		{
			name:    "no list",
			wantErr: "convert legacy discovery of wardle.example.com/v1alpha1: there is no APIResourceList",
		},
		{
			name: "an empty list",
			list: &metav1.APIResourceList{},
			want: &apidiscoveryv2.APIVersionDiscovery{Version: "v1alpha1"},
		},
		{
			name: "a resource with a subresource, under another group-version",
			list: &metav1.APIResourceList{GroupVersion: "other/v1", APIResources: []metav1.APIResource{
				{Name: "flunders/status", Namespaced: true, Kind: "Flunder", Verbs: []string{"get"}},
				{
					Name: "flunders", SingularName: "flunder", Namespaced: true, Kind: "Flunder",
					Verbs: []string{"get", "list"}, ShortNames: []string{"fl"}, Categories: []string{"all"},
				},
			}},
			want: &apidiscoveryv2.APIVersionDiscovery{
				Version: "v1alpha1",
				Resources: []apidiscoveryv2.APIResourceDiscovery{{
					Resource: "flunders", SingularResource: "flunder", Scope: apidiscoveryv2.ScopeNamespace,
					ResponseKind: &metav1.GroupVersionKind{Kind: "Flunder"},
					Verbs:        []string{"get", "list"}, ShortNames: []string{"fl"}, Categories: []string{"all"},
					Subresources: []apidiscoveryv2.APISubresourceDiscovery{{
						Subresource: "status", ResponseKind: &metav1.GroupVersionKind{Kind: "Flunder"}, Verbs: []string{"get"},
					}},
				}},
			},
		},
		{
			name: "scopes that differ",
			list: &metav1.APIResourceList{APIResources: []metav1.APIResource{
				{Name: "flunders", Namespaced: true, Kind: "Flunder"},
				{Name: "flunders/status", Kind: "Flunder"},
			}},
			wantErr: "convert legacy discovery of wardle.example.com/v1alpha1: Error: Parent flunders (scope: Namespaced) " +
				"and subresource status (scope: Cluster) scope do not match",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := discoverymerge.FromLegacy(flunders, test.list)
			if diff := cmp.Diff(test.wantErr, errorText(err)); diff != "" {
				t.Errorf("the error differs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the entry differs (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestFromLegacySharesNothing(t *testing.T) {
	t.Parallel()
	list := &metav1.APIResourceList{APIResources: []metav1.APIResource{{Name: "flunders", Verbs: []string{"get"}}}}
	entry, err := discoverymerge.FromLegacy(flunders, list)
	if err != nil {
		t.Fatalf("convert: %v", err)
	}
	entry.Resources[0].Verbs[0] = "scribbled"
	if got := list.APIResources[0].Verbs[0]; got != "get" {
		t.Errorf("the list's verb became %q", got)
	}
}

func TestFromAggregated(t *testing.T) {
	t.Parallel()
	list := &apidiscoveryv2.APIGroupDiscoveryList{Items: []apidiscoveryv2.APIGroupDiscovery{
		{
			ObjectMeta: metav1.ObjectMeta{Name: flunders.Group},
			Versions: []apidiscoveryv2.APIVersionDiscovery{
				{Version: "v1beta1", Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent},
				{Version: "v1alpha1", Resources: []apidiscoveryv2.APIResourceDiscovery{{Resource: "first"}}},
			},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Name: flunders.Group},
			Versions: []apidiscoveryv2.APIVersionDiscovery{{
				Version: "v1alpha1",
				Resources: []apidiscoveryv2.APIResourceDiscovery{{
					Resource: "flunders",
					Subresources: []apidiscoveryv2.APISubresourceDiscovery{
						{Subresource: "status"},
						{Subresource: "scale", ResponseKind: &metav1.GroupVersionKind{Kind: "Scale"}},
					},
				}},
			}},
		},
	}}
	before := list.DeepCopy()
	want := map[schema.GroupVersion]apidiscoveryv2.APIVersionDiscovery{
		{Group: flunders.Group, Version: "v1beta1"}: {
			Version: "v1beta1", Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent,
		},
		flunders: {Version: "v1alpha1", Resources: []apidiscoveryv2.APIResourceDiscovery{{
			Resource:     "flunders",
			ResponseKind: &metav1.GroupVersionKind{},
			Subresources: []apidiscoveryv2.APISubresourceDiscovery{
				{Subresource: "status", ResponseKind: &metav1.GroupVersionKind{}},
				{Subresource: "scale", ResponseKind: &metav1.GroupVersionKind{Kind: "Scale"}},
			},
		}}},
	}
	if diff := cmp.Diff(want, discoverymerge.FromAggregated(list)); diff != "" {
		t.Errorf("the entries differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, list); diff != "" {
		t.Errorf("the document was changed (-before +after):\n%s", diff)
	}
	if got := discoverymerge.FromAggregated(nil); len(got) != 0 {
		t.Errorf("no document gave %v", got)
	}
}
