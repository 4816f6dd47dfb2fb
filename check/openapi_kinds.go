package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const gvkKey = "x-kubernetes-group-version-kind"

// gvkOf reads one group-version-kind; ok is false for what is none.
func gvkOf(value any) (schema.GroupVersionKind, bool) {
	fields, ok := value.(map[string]any)
	if !ok {
		return schema.GroupVersionKind{}, false
	}
	group, hasGroup := fields["group"].(string)
	version, hasVersion := fields["version"].(string)
	kind, hasKind := fields["kind"].(string)
	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}, hasGroup && hasVersion && hasKind
}

// gvks are a definition's; fault says what is wrong with the list, "" for nothing.
func gvks(definition map[string]any) (list []schema.GroupVersionKind, fault string) {
	value, found := definition[gvkKey]
	if !found {
		return nil, ""
	}
	items, ok := value.([]any)
	if !ok {
		return nil, fmt.Sprintf("is %s, which is no list", inJSON(value))
	}
	for i, item := range items {
		gvk, ok := gvkOf(item)
		if !ok {
			return nil, fmt.Sprintf("has %s as item %d, which is no object with group, version and kind", inJSON(item), i)
		}
		list = append(list, gvk)
	}
	return list, ""
}

// inJSON writes a value that came from JSON.
func inJSON(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
}

// findMalformedGVKs finds lists of group-version-kinds that are none.
func findMalformedGVKs(f Facts) []Finding {
	return eachDocument(func(b *documents, d *document) []Finding {
		var out []Finding
		for _, name := range d.names() {
			if _, fault := gvks(d.schema(name)); fault != "" {
				out = append(out, Finding{Message: fmt.Sprintf("%s of the definition %s %s", gvkKey, name, fault), Where: b.at(d.path, name)})
			}
		}
		return out
	})(f)
}

// definitionsOf are the definitions of each group-version-kind. One that is not readable says that nothing is known.
func (d *document) definitionsOf() (of map[schema.GroupVersionKind][]string, readable bool) {
	of, readable = map[schema.GroupVersionKind][]string{}, true
	for _, name := range d.names() {
		list, fault := gvks(d.schema(name))
		readable = readable && fault == ""
		for _, gvk := range list {
			of[gvk] = append(of[gvk], name)
		}
	}
	return of, readable
}

// findDuplicateGVKs finds group-version-kinds that several definitions claim.
func findDuplicateGVKs(f Facts) []Finding {
	return eachDocument(func(b *documents, d *document) []Finding {
		var out []Finding
		of, _ := d.definitionsOf()
		for gvk, definitions := range of {
			if len(definitions) < 2 {
				continue
			}
			message := fmt.Sprintf("%s is claimed by the definitions %s", gvk, strings.Join(definitions, " and "))
			if slices.Compact(slices.Clone(definitions))[0] == definitions[len(definitions)-1] {
				message = fmt.Sprintf("%s is listed %d times by the definition %s", gvk, len(definitions), definitions[0])
			}
			out = append(out, Finding{Message: message, Where: b.at(d.path, definitions[0])})
		}
		return out
	})(f)
}

// eachKind makes findings of each resource that a backend lists of its own group-versions and describes.
func eachKind(find func(*documents, *document, ownVersion, *apidiscoveryv2.APIResourceDiscovery, schema.GroupVersionKind) []Finding) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		for _, b := range f.documents {
			for _, v := range b.versions {
				d := b.describing(v)
				if d == nil || v.entry == nil {
					continue
				}
				for i := range v.entry.Resources {
					if r := &v.entry.Resources[i]; !noResponseKind(r) {
						out = append(out, find(b, d, v, r, kindOf(v, r))...)
					}
				}
			}
		}
		return out
	}
}

// kindOf is a resource's kind; where the document names no group and version they are its own.
func kindOf(v ownVersion, r *apidiscoveryv2.APIResourceDiscovery) schema.GroupVersionKind {
	k := r.ResponseKind
	if k.Group == "" && k.Version == "" {
		return v.WithKind(k.Kind)
	}
	return schema.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Kind}
}

// findKindsWithoutDefinition finds kinds of a backend's own group-versions that no definition says to describe.
func findKindsWithoutDefinition(f Facts) []Finding {
	return eachKind(func(b *documents, d *document, v ownVersion, r *apidiscoveryv2.APIResourceDiscovery, gvk schema.GroupVersionKind) []Finding {
		of, readable := d.definitionsOf()
		if gvk.GroupVersion() != v.GroupVersion || !readable || len(of[gvk]) > 0 {
			return nil
		}
		return []Finding{{
			Message: fmt.Sprintf("no definition has the group-version-kind of %s, which %s has", gvk, r.Resource),
			Where:   b.at(d.path, gvk.Kind),
		}}
	})(f)
}

// methods are the operations that kubectl looks for a resource's kind in, in its order.
var methods = []string{"get", "post", "put", "patch", "delete"}

// findOperationsWithoutGVK finds resources whose paths do not say their kind. The paths are those that kubectl explain
// looks at (k8s.io/kubectl/pkg/explain/v2/templates/plaintext.tmpl).
func findOperationsWithoutGVK(f Facts) []Finding {
	return eachKind(func(b *documents, d *document, v ownVersion, r *apidiscoveryv2.APIResourceDiscovery, _ schema.GroupVersionKind) []Finding {
		paths := object(d.root, "paths")
		root := "/" + v.key() + "/"
		seen := ""
		for _, path := range []string{r.Resource, r.Resource + "/{name}", "namespaces/{namespace}/" + r.Resource, "namespaces/{namespace}/" + r.Resource + "/{name}"} {
			for _, method := range methods {
				operation := object(paths, root+path, method)
				if operation == nil {
					continue
				}
				if _, ok := gvkOf(operation[gvkKey]); ok {
					return nil
				}
				seen = root + path
			}
		}
		message := fmt.Sprintf("there is no path of %s", r.Resource)
		if seen != "" {
			message = fmt.Sprintf("no operation of %s has %s", r.Resource, gvkKey)
		}
		return []Finding{{Message: message, Where: b.at(d.path, r.Resource)}}
	})(f)
}

// sortedKeys are a map's keys in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
