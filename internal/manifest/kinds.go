package manifest

import (
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kindTable knows the kinds of objects that a scheme has, and their lists.
type kindTable struct {
	scheme  *runtime.Scheme
	objects []schema.GroupVersionKind // sorted
}

func newKindTable(scheme *runtime.Scheme) *kindTable {
	t := &kindTable{scheme: scheme}
	object := reflect.TypeFor[metav1.Object]()
	for gvk, typ := range scheme.AllKnownTypes() {
		if gvk.Version != runtime.APIVersionInternal && reflect.PointerTo(typ).Implements(object) {
			t.objects = append(t.objects, gvk)
		}
	}
	slices.SortFunc(t.objects, func(a, b schema.GroupVersionKind) int {
		return strings.Compare(gvkString(a), gvkString(b))
	})
	return t
}

func gvkString(gvk schema.GroupVersionKind) string {
	return gvk.GroupVersion().String() + "/" + gvk.Kind
}

func (t *kindTable) has(gvk schema.GroupVersionKind) bool {
	return slices.Contains(t.objects, gvk)
}

// itemKind returns the kind of the items of a list kind: ConfigMap for ConfigMapList.
func (t *kindTable) itemKind(list schema.GroupVersionKind) (schema.GroupVersionKind, bool) {
	name, ok := strings.CutSuffix(list.Kind, "List")
	item := list.GroupVersion().WithKind(name)
	return item, ok && t.scheme.Recognizes(list) && t.has(item)
}

// apiVersionsOf lists the apiVersions in which a kind exists, those that are refused excepted.
func (t *kindTable) apiVersionsOf(kind string) []string {
	var versions []string
	for _, gvk := range t.objects {
		if gvk.Kind == kind && !refused(gvk.GroupVersion()) {
			versions = append(versions, gvk.GroupVersion().String())
		}
	}
	return versions
}

// kindsOf lists the kinds of an apiVersion, or of all of them if it has none.
func (t *kindTable) kindsOf(gv schema.GroupVersion) []string {
	var here []string
	all := make([]string, 0, len(t.objects))
	for _, gvk := range t.objects {
		all = append(all, gvk.Kind)
		if gvk.GroupVersion() == gv {
			here = append(here, gvk.Kind)
		}
	}
	if len(here) == 0 {
		here = all
	}
	slices.Sort(here)
	return slices.Compact(here)
}

// apiVersions lists every apiVersion, the refused excepted.
func (t *kindTable) apiVersions() []string {
	var versions []string
	for _, gvk := range t.objects {
		if !refused(gvk.GroupVersion()) {
			versions = append(versions, gvk.GroupVersion().String())
		}
	}
	return slices.Compact(versions)
}

// lineFor words the line to write: apiVersion or kind with the values to choose from.
func lineFor(key string, values []string) string {
	const most = 4
	lines := make([]string, 0, most)
	for _, v := range values[:min(len(values), most)] {
		lines = append(lines, `"`+key+": "+v+`"`)
	}
	text := "write " + strings.Join(lines, " or ")
	if len(values) > most {
		text += " or another"
	}
	return text
}
