package check_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/internal/manifest"
)

// The objects of a kagg that was started with files are where these have them.
func TestPlace(t *testing.T) {
	t.Parallel()
	object := func(kind, namespace, name string, at manifest.Source) manifest.Object {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": kind}}
		o.SetNamespace(namespace)
		o.SetName(name)
		return manifest.Object{Object: o, Source: at}
	}
	recorded := manifest.Source{File: "objects.yaml", Line: 9}
	objects := []manifest.Object{
		object("APIService", "", "v1.a", recorded), object("Service", "default", "api", recorded), object("Service", "made", "up", recorded),
	}
	one, two := manifest.Source{File: "deploy/a.yaml", Line: 3}, manifest.Source{File: "deploy/b.yaml", Line: 5}
	check.Place(objects, []manifest.Object{
		object("Service", "other", "api", recorded), object("Service", "", "api", two), object("APIService", "", "v1.a", one),
	})
	for i, want := range []manifest.Source{one, two, {}} {
		if objects[i].Source != want {
			t.Errorf("%s is at %q, want %q", objects[i].Object.GetName(), objects[i].Source, want)
		}
	}
}
