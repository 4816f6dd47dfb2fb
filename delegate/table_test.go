package delegate

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestRows holds each row to what the rest of the package takes from it.
func TestRows(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for i := range table {
		r := &table[i]
		name := r.gv.String() + "/" + r.resource
		if seen[name] {
			t.Errorf("%s has two rows", name)
		}
		seen[name] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if list := reflect.TypeOf(r.list).Elem().Name(); list != r.kind()+"List" && list != r.kind() {
				t.Errorf("the list of %s is %s", r.kind(), list)
			}
			if r.status && !statusOf(r.object).IsValid() {
				t.Error("the type has no status")
			}
			if _, _, ok := Priority(r.gv); !ok {
				t.Errorf("%s has no priority", r.gv)
			}
			obj := r.newObject()
			gvks, _, err := Scheme.ObjectKinds(obj)
			if err != nil || gvks[0] != r.gv.WithKind(r.kind()) || gvks[1] != (schema.GroupVersionKind{Group: r.gv.Group, Version: runtime.APIVersionInternal, Kind: r.kind()}) {
				t.Errorf("the scheme knows it as %v: %v", gvks, err)
			}
			// An adapter for another type than the row's would find nil.
			for _, c := range newTableConvertor(r).columns {
				c.value(obj)
			}
			if _, _, err := r.attributes(obj); err != nil {
				t.Error(err)
			}
			checkDefaults(t, r, obj)
			how := newStrategy(r)
			how.PrepareForCreate(t.Context(), obj)
			how.PrepareForUpdate(t.Context(), obj, obj.DeepCopyObject())
			how.Validate(t.Context(), obj)
			how.ValidateUpdate(t.Context(), obj, obj.DeepCopyObject())
		})
	}
}

// checkDefaults wants defaults to be stable: reading what was written must not change it.
func checkDefaults(t *testing.T, r *row, obj runtime.Object) {
	t.Helper()
	Scheme.Default(obj)
	once := obj.DeepCopyObject()
	Scheme.Default(obj)
	if !reflect.DeepEqual(once, obj) {
		t.Errorf("the defaults of %s change their own result", r.kind())
	}
}

func TestPriority(t *testing.T) {
	t.Parallel()
	tests := []struct {
		gv             schema.GroupVersion
		group, version int32
		ok             bool
	}{
		{schema.GroupVersion{Version: "v1"}, 18000, 1, true},
		{schema.GroupVersion{Group: "autoscaling", Version: "v2"}, 17500, 30, true},
		{schema.GroupVersion{Group: "apiextensions.k8s.io", Version: "v1"}, 16700, 15, true},
		{schema.GroupVersion{Group: "flowcontrol.apiserver.k8s.io", Version: "v1beta3"}, 16100, 18, true},
		{schema.GroupVersion{Group: "apiregistration.k8s.io", Version: "v1"}, 0, 0, false},
		{schema.GroupVersion{Group: "wardle.example.com", Version: "v1"}, 0, 0, false},
	}
	for _, tt := range tests {
		if group, version, ok := Priority(tt.gv); group != tt.group || version != tt.version || ok != tt.ok {
			t.Errorf("%s: got %d, %d, %t, want %d, %d, %t", tt.gv, group, version, ok, tt.group, tt.version, tt.ok)
		}
	}
}
