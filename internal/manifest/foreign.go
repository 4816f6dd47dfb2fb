package manifest

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// foreign reports whether an object of this kind is for another server than the one that has the scheme's
// kinds: one of a group that the scheme does not have, and that is no misspelling of a group in which it has
// this kind. A group without a dot can be that of no CustomResourceDefinition.
func (d *decoder) foreign(gvk schema.GroupVersionKind) bool {
	if !d.others || !strings.Contains(gvk.Group, ".") {
		return false
	}
	const mistyped = 2
	for _, known := range d.kinds.objects {
		if known.Group == gvk.Group {
			return false
		}
		if known.Kind == gvk.Kind && editDistance([]rune(known.Group), []rune(gvk.Group)) <= mistyped {
			return false
		}
	}
	return true
}

// foreignObjects appends an object of a kind that the scheme does not have, or the items of a list of them,
// with no more checks than that they have a name.
func (d *decoder) foreignObjects(objects []Object, doc *value, path string, gvk schema.GroupVersionKind, r *report) []Object {
	if kind, ok := strings.CutSuffix(gvk.Kind, "List"); ok && doc.get("items") != nil {
		return d.list(objects, doc, path, gvk.GroupVersion().WithKind(kind), r)
	}
	before := len(r.errs)
	checkName(doc, path, r)
	if len(r.errs) > before || doc.anyBad() {
		return objects
	}
	return append(objects, asObject(doc, gvk, r))
}

func asObject(doc *value, gvk schema.GroupVersionKind, r *report) Object {
	content, _ := doc.plain().(map[string]any)
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(gvk)
	return Object{Object: object, Source: Source{File: r.file, Line: doc.firstLine()}}
}
