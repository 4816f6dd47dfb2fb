package delegate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/kube-openapi/pkg/builder3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

var sameRefs = cmp.Comparer(func(a, b spec.Ref) bool { return a.String() == b.String() })

// A kind's schemas are those that it has among all of them.
func TestSchemasOfAKind(t *testing.T) {
	t.Parallel()
	s := idleServer(t, "v1.2.3")
	all, err := s.storages()
	if err != nil {
		t.Fatal(err)
	}
	docs := newDocuments(&version.Info{GitVersion: "v1.2.3"}, s.routes.services, false)
	for _, gv := range servedVersions(all) {
		types := map[string][]string{}
		for name, storage := range all[gv] {
			if err := addTypeName(types, gv, storage); err != nil {
				t.Fatal(name, err)
			}
		}
		for kind, names := range types {
			want, err := builder3.BuildOpenAPIDefinitionsForResources(docs.config3(definitions), names...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := builder3.BuildOpenAPIDefinitionsForResources(docs.configOf(names), names...)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 0 {
				t.Errorf("%s %s has no schemas", gv, kind)
			}
			if diff := cmp.Diff(want, got, sameRefs); diff != "" {
				t.Errorf("%s %s (-among all +alone):\n%s", gv, kind, diff)
			}
		}
	}
}

// What one version manages of an object is read when another writes it.
func TestSchemasOfAllVersions(t *testing.T) {
	t.Parallel()
	s := idleServer(t, "v1.2.3")
	all, err := s.storages()
	if err != nil {
		t.Fatal(err)
	}
	types, err := newDocuments(&version.Info{GitVersion: "v1.2.3"}, s.routes.services, false).newSchemas("autoscaling", all)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"v1", "v2"} {
		obj, err := Scheme.New(schema.GroupVersionKind{Group: "autoscaling", Version: version, Kind: "HorizontalPodAutoscaler"})
		if err != nil {
			t.Fatal(err)
		}
		obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{Group: "autoscaling", Version: version, Kind: "HorizontalPodAutoscaler"})
		value, err := types.ObjectToTyped(obj)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := types.TypedToObject(value); err != nil {
			t.Error(err)
		}
	}
	stranger := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "autoscaling/v1", Kind: "Stranger"}}
	if _, err := types.ObjectToTyped(stranger); err == nil || !strings.Contains(err.Error(), "no corresponding type for autoscaling/v1, Kind=Stranger") {
		t.Error("an object of no kind of the group:", err)
	}
}
