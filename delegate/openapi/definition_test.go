package openapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/delegate/openapi"
)

func TestDefinitionIsThatOfAll(t *testing.T) {
	t.Parallel()
	ref := func(name string) spec.Ref { return spec.MustCreateRef("#/" + name) }
	all := openapi.GetOpenAPIDefinitions(ref)
	if len(all) == 0 {
		t.Fatal("no definitions")
	}
	for name, want := range all {
		got, ok := openapi.Definition(name, ref)
		if !ok {
			t.Errorf("%s is not to be had alone: go generate ./delegate/openapi", name)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b spec.Ref) bool { return a.String() == b.String() })); diff != "" {
			t.Errorf("%s (-all +alone):\n%s", name, diff)
		}
	}
	if _, ok := openapi.Definition("io.k8s.api.core.v1.Nothing", ref); ok {
		t.Error("a definition of what does not exist")
	}
}
