package openapimerge

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// gvkList is the list of group-version-kinds of one definition of the result, while it grows.
type gvkList struct {
	// value is the extension's; found says that there is one, and changed that it is not the schema's own.
	value          any
	found, changed bool
	// extended says that the definition has extensions, be they this one or others.
	extended bool
	// entries is value taken apart, nil until it first had to be.
	entries []gvkEntry
	seen    map[string]bool
}

type gvkEntry struct {
	name  string
	value any
}

func gvksOf(schema *spec.Schema) gvkList {
	value, found := schema.Extensions[gvkKey]
	return gvkList{value: value, found: found, extended: len(schema.Extensions) > 0}
}

// unite adds what a definition's own list has and this one has not, and returns the names of what it added. It does
// what kube-openapi's mergedGVKs does, and refuses what that refuses.
func (l *gvkList) unite(other gvkList) ([]string, error) {
	if !other.found {
		return nil, nil
	}
	if !l.found {
		l.value, l.found, l.changed = other.value, true, true
		entries, err := gvkEntries(other.value)
		if err != nil {
			// Nobody looks into the list until it is united with another one.
			return []string{"a list that is not one"}, nil //nolint:nilerr // told when it matters
		}
		return namesOf(entries), nil
	}
	if l.entries == nil {
		entries, err := gvkEntries(l.value)
		if err != nil {
			return nil, err
		}
		l.entries, l.seen = entries, make(map[string]bool, len(entries))
		for _, entry := range entries {
			l.seen[entry.name] = true
		}
	}
	entries, err := gvkEntries(other.value)
	if err != nil {
		return nil, err
	}
	added := slices.DeleteFunc(entries, func(entry gvkEntry) bool { return l.seen[entry.name] })
	if len(added) == 0 {
		return nil, nil
	}
	l.entries = append(l.entries, added...)
	slices.SortStableFunc(l.entries, func(a, b gvkEntry) int { return cmp.Compare(a.name, b.name) })
	united := make([]any, len(l.entries))
	for i, entry := range l.entries {
		l.seen[entry.name] = true
		united[i] = entry.value
	}
	l.value, l.changed = united, true
	return namesOf(added), nil
}

// apply returns the schema with the list; the schema itself stays as it is.
func (l *gvkList) apply(schema *spec.Schema) spec.Schema {
	out := *schema
	if l.changed {
		out.Extensions = make(spec.Extensions, len(schema.Extensions)+1)
		maps.Copy(out.Extensions, schema.Extensions)
		out.Extensions[gvkKey] = l.value
	}
	return out
}

// gvkEntries takes a list apart.
func gvkEntries(value any) ([]gvkEntry, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is %s; it must be a list of objects with group, version and kind", gvkKey, inShort(value))
	}
	out := make([]gvkEntry, len(list))
	for i, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s has %s as item %d; it must be an object with group, version and kind", gvkKey, inShort(item), i)
		}
		out[i] = gvkEntry{name: gvkName(fields), value: item}
	}
	return out, nil
}

// gvkName identifies a group-version-kind: "group/version.kind".
func gvkName(fields map[string]any) string {
	group, isGroup := fields["group"].(string)
	version, isVersion := fields["version"].(string)
	kind, isKind := fields["kind"].(string)
	if isGroup && isVersion && isKind {
		return group + "/" + version + "." + kind
	}
	return fmt.Sprintf("%v/%v.%v", fields["group"], fields["version"], fields["kind"])
}

func namesOf(entries []gvkEntry) []string {
	out := make([]string, len(entries))
	for i, entry := range entries {
		out[i] = entry.name
	}
	return out
}

func inShort(value any) string {
	text := fmt.Sprintf("%v", value)
	if len(text) > 80 {
		text = strings.ToValidUTF8(text[:80], "") + "..."
	}
	return text
}

// listed joins names, the first few of many.
func listed(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
