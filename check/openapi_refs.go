package check

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// reference is what a document refers to.
type reference struct {
	target string
	// place is the first definition or path that has it, count how many places do.
	place string
	count int
}

// references are those of a document, by target.
func (d *document) references() []reference {
	found := map[string]*reference{}
	var place string
	visit := func(target string) {
		if r, known := found[target]; known {
			r.count++
			return
		}
		found[target] = &reference{target: target, place: place, count: 1}
	}
	for _, name := range d.names() {
		place = name
		walkRefs(d.schemas[name], false, visit)
	}
	paths := object(d.root, "paths")
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		place = path
		walkRefs(paths[path], false, visit)
	}
	out := make([]reference, 0, len(found))
	for _, target := range slices.Sorted(maps.Keys(found)) {
		out = append(out, *found[target])
	}
	return out
}

// walkRefs visits the references below a node in order of keys. In what is named, keys are names of people's choice
// and no keywords.
func walkRefs(node any, named bool, visit func(string)) {
	switch n := node.(type) {
	case []any:
		for _, item := range n {
			walkRefs(item, false, visit)
		}
	case map[string]any:
		if target, ok := n["$ref"].(string); ok && !named {
			visit(target)
		}
		for _, key := range slices.Sorted(maps.Keys(n)) {
			if !named && isData(key) {
				continue
			}
			walkRefs(n[key], !named && isNamed(key), visit)
		}
	}
}

// isData tells keywords whose values are data, in which $ref means nothing.
func isData(key string) bool {
	return strings.HasPrefix(key, "x-") || slices.Contains([]string{"default", "example", "examples", "enum"}, key)
}

// isNamed tells keywords whose values have names as keys.
func isNamed(key string) bool {
	return slices.Contains([]string{"properties", "patternProperties", "definitions", "responses", "headers", "content"}, key)
}

// fate is what becomes of a reference.
type fate int

const (
	fateResolves fate = iota
	// fateSlash is an escaped reference to a name with a slash: the name is what to mend.
	fateSlash
	fateEscaped
	fateDangles
)

// resolve follows a reference as kube-openapi does: what comes after the prefix is the name, to the letter. For one
// that is escaped it also returns the name that was meant.
func (d *document) resolve(target string) (fate, string) {
	name, ok := strings.CutPrefix(target, d.prefix)
	if !ok {
		return d.resolveOther(target), ""
	}
	if _, known := d.schemas[name]; known {
		return fateResolves, name
	}
	meant, err := url.PathUnescape(name)
	if err != nil {
		meant = name
	}
	meant = strings.NewReplacer("~1", "/", "~0", "~").Replace(meant)
	switch _, known := d.schemas[meant]; {
	case known && strings.Contains(meant, "/"):
		return fateSlash, meant
	case known:
		return fateEscaped, meant
	}
	return fateDangles, ""
}

// resolveOther follows a reference to a shared parameter, response and the like.
func (d *document) resolveOther(target string) fate {
	pointer, ok := strings.CutPrefix(target, "#/")
	sections := []string{"parameters/", "responses/"}
	if d.prefix != "#/definitions/" {
		sections = []string{"components/"}
	}
	if !ok || !slices.ContainsFunc(sections, func(s string) bool { return strings.HasPrefix(pointer, s) }) {
		return fateDangles
	}
	keys := strings.Split(pointer, "/")
	if _, found := object(d.root, keys[:len(keys)-1]...)[keys[len(keys)-1]]; found {
		return fateResolves
	}
	return fateDangles
}

// sound tells whether every reference leads to what it says.
func (d *document) sound() bool {
	return !slices.ContainsFunc(d.references(), func(r reference) bool {
		is, _ := d.resolve(r.target)
		return is != fateResolves
	})
}

// eachDocument makes findings of each document of each backend.
func eachDocument(find func(*documents, *document) []Finding) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		for _, backend := range f.documents {
			for _, d := range backend.all() {
				out = append(out, find(backend, d)...)
			}
		}
		return out
	}
}

// referring finds references of one fate.
func referring(wanted fate, says func(r reference, meant string) string) func(Facts) []Finding {
	return eachDocument(func(b *documents, d *document) []Finding {
		var out []Finding
		for _, r := range d.references() {
			if is, meant := d.resolve(r.target); is == wanted {
				out = append(out, Finding{Message: says(r, meant), Where: b.at(d.path, r.place)})
			}
		}
		return out
	})
}

func saysDangling(r reference, _ string) string {
	return fmt.Sprintf("%s refers to %s, which is not there%s", r.place, r.target, inAll(r))
}

func saysEscaped(r reference, meant string) string {
	return fmt.Sprintf("%s refers to %s; the definition's name is %s%s", r.place, r.target, meant, inAll(r))
}

func inAll(r reference) string {
	if r.count == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d references in all)", r.count)
}

// findSlashes finds definitions whose name has a slash.
func findSlashes(f Facts) []Finding {
	return eachDocument(func(b *documents, d *document) []Finding {
		escaped := map[string]int{}
		for _, r := range d.references() {
			if is, meant := d.resolve(r.target); is == fateSlash {
				escaped[meant] += r.count
			}
		}
		var out []Finding
		for _, name := range d.names() {
			if !strings.Contains(name, "/") {
				continue
			}
			message := fmt.Sprintf("the definition %s has a slash in its name", name)
			if n := escaped[name]; n > 0 {
				message += fmt.Sprintf("; references to it are escaped and found by nobody who does not unescape them (%d)", n)
			}
			out = append(out, Finding{Message: message, Where: b.at(d.path, name)})
		}
		return out
	})(f)
}
