package check

import (
	"fmt"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// findUntypedLists finds lists of objects in the specs of a backend's own kinds that do not say how server-side apply
// is to merge them.
func findUntypedLists(f Facts) []Finding {
	return eachKind(func(b *documents, d *document, v ownVersion, r *apidiscoveryv2.APIResourceDiscovery, gvk schema.GroupVersionKind) []Finding {
		of, _ := d.definitionsOf()
		if gvk.GroupVersion() != v.GroupVersion || len(of[gvk]) != 1 || !slices.Contains(r.Verbs, "patch") {
			return nil
		}
		l := lister{document: d, seen: map[string]bool{}}
		l.walk(object(d.schema(of[gvk][0]), "properties")["spec"], gvk.Kind+".spec")
		var out []Finding
		for _, fault := range l.faults {
			out = append(out, Finding{Message: fault.message, Where: b.at(d.path, fault.field)})
		}
		return out
	})(f)
}

// lister walks the fields of a kind.
type lister struct {
	*document
	// seen are the definitions on the way, which may refer to themselves.
	seen   map[string]bool
	faults []listFault
}

type listFault struct{ field, message string }

// walk looks at a field's schema and at those below it.
func (l *lister) walk(node any, field string) {
	s, name := l.deref(node)
	if s == nil || l.seen[name] || strings.HasPrefix(name, "io.k8s.") {
		return
	}
	if name != "" {
		l.seen[name] = true
	}
	if s["type"] == "array" {
		if l.isObject(s["items"]) {
			l.list(s, field)
		}
		l.walk(s["items"], field+"[]")
		return
	}
	properties := object(s, "properties")
	for _, key := range sortedKeys(properties) {
		l.walk(properties[key], field+"."+key)
	}
	l.walk(s["additionalProperties"], field+"{}")
}

// list judges a list of objects as kube-openapi's pkg/schemaconv reads it.
func (l *lister) list(s map[string]any, field string) {
	listType, typed := s["x-kubernetes-list-type"]
	_, merged := s["x-kubernetes-patch-strategy"]
	keys, _ := s["x-kubernetes-list-map-keys"].([]any)
	switch {
	case !typed && !merged:
		l.fault(field, "has no x-kubernetes-list-type: it is replaced as a whole")
	case typed && !slices.Contains([]any{"atomic", "set", "map"}, listType):
		l.fault(field, fmt.Sprintf("has x-kubernetes-list-type %v; there are atomic, set and map", listType))
	case listType == "map" && len(keys) == 0:
		l.fault(field, "has x-kubernetes-list-type map and no x-kubernetes-list-map-keys")
	}
}

func (l *lister) fault(field, message string) {
	l.faults = append(l.faults, listFault{field, "the list " + field + " " + message})
}

// deref follows references, also those that v3 wraps into an allOf of one.
func (l *lister) deref(node any) (s map[string]any, name string) {
	s, _ = node.(map[string]any)
	for range 8 { // deeper chains mean nothing
		if all, ok := s["allOf"].([]any); ok && len(all) == 1 {
			s, _ = all[0].(map[string]any)
			continue
		}
		target, ok := s["$ref"].(string)
		if !ok {
			return s, name
		}
		name = strings.TrimPrefix(target, l.prefix)
		s = l.schema(name)
	}
	return nil, ""
}

func (l *lister) isObject(node any) bool {
	s, _ := l.deref(node)
	_, hasProperties := s["properties"]
	return hasProperties || s["type"] == "object"
}
