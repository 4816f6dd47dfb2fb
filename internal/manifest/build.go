package manifest

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	yaml "go.yaml.in/yaml/v3"
)

const (
	// maxValues bounds the values of one file with its aliases expanded: a few hundred bytes of nested
	// aliases can stand for more than memory holds.
	maxValues = 1_000_000
	maxDepth  = 1000
)

// builder makes values from YAML nodes.
type builder struct {
	*report
	before int // lines before the chunk that the nodes count from
	left   int // values that may still be made
}

// build makes the value of a node. nil means that an error was reported and nothing is left to check.
func (b *builder) build(n *yaml.Node, path string, depth int) *value {
	line := n.Line + b.before
	if b.left--; b.left < 0 || depth > maxDepth {
		if b.left >= -1 {
			b.add(line, path, fmt.Sprintf("too many values or levels: more than %d values with aliases expanded, or %d levels", maxValues, maxDepth),
				"write it without nested aliases, or split the file")
			b.left = -1
		}
		return nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		v := b.build(n.Alias, path, depth+1)
		if v != nil && v.kind < kindObject {
			v.line = line
		}
		return v
	case yaml.MappingNode:
		return b.mapping(n, path, depth)
	case yaml.SequenceNode:
		v := &value{kind: kindList, line: line}
		for i, item := range n.Content {
			if iv := b.build(item, path+"["+strconv.Itoa(i)+"]", depth+1); iv != nil {
				v.items = append(v.items, iv)
			}
		}
		return v
	case yaml.ScalarNode:
		return b.scalar(n, path)
	case yaml.DocumentNode:
	}
	b.add(line, path, "unexpected YAML node", "write plain keys and values")
	return nil
}

// mapping makes an object. Keys of a merge (<<) come after its own and do not replace those.
func (b *builder) mapping(n *yaml.Node, path string, depth int) *value {
	v := &value{kind: kindObject, line: n.Line + b.before}
	var merges []*yaml.Node
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		keyNode, valueNode := n.Content[i], n.Content[i+1]
		if keyNode.Kind == yaml.ScalarNode && keyNode.ShortTag() == "!!merge" {
			merges = append(merges, valueNode)
			continue
		}
		key, ok := b.key(keyNode, path)
		if !ok {
			continue
		}
		keyPath, keyLine := join(path, key), keyNode.Line+b.before
		child := b.build(valueNode, keyPath, depth+1)
		if first, twice := seen[key]; twice {
			b.duplicateKey(v.get(key), keyLine, keyPath, first)
			continue
		}
		seen[key] = keyLine
		if child != nil {
			v.fields = append(v.fields, member{key, keyLine, child})
		}
	}
	for _, m := range merges {
		b.merge(v, m, seen, path, depth)
	}
	return v
}

// duplicateKey reports the second of two keys, and makes the value of the first one bad: which of them
// was meant is not known. m is nil if that had no value.
func (r *report) duplicateKey(m *member, line int, path string, first int) {
	if m != nil {
		m.value.bad = true
	}
	r.add(line, path, fmt.Sprintf("the key is given twice, first on line %d", first), "keep one of the two")
}

// merge adds to v the keys of what "<<" names: a mapping or a list of mappings.
func (b *builder) merge(v *value, n *yaml.Node, seen map[string]int, path string, depth int) {
	from := b.build(n, path, depth+1)
	if from == nil {
		return
	}
	sources := []*value{from}
	if from.kind == kindList {
		sources = from.items
	}
	for _, s := range sources {
		if s.kind != kindObject {
			b.add(n.Line+b.before, path, "the merge key << names "+s.describe(), "let it name an anchor of a mapping")
			continue
		}
		for _, f := range s.fields {
			if _, own := seen[f.name]; !own {
				seen[f.name] = f.line
				v.fields = append(v.fields, f)
			}
		}
	}
}

// key reads a mapping key. Numbers and booleans become strings, as in kubectl.
func (b *builder) key(n *yaml.Node, path string) (string, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	line := n.Line + b.before
	if n.Kind == yaml.ScalarNode {
		v := b.scalar(n, path)
		if v == nil {
			return "", false
		}
		switch v.kind {
		case kindString:
			s, ok := v.scalar.(string)
			return s, ok
		case kindInt, kindBool, kindFloat:
			return fmt.Sprint(v.scalar), true
		case kindNull, kindObject, kindList:
		}
	}
	b.add(line, path, "a key that is no string", "write a plain string before the colon")
	return "", false
}

// scalar resolves a scalar by the rules that kubectl reads manifests by: YAML 1.1, in which a plain
// yes or on is a boolean, but a time is a string.
func (b *builder) scalar(n *yaml.Node, path string) *value {
	v := &value{kind: kindString, line: n.Line + b.before, scalar: n.Value, raw: n.Value}
	if isTrue, ok := oldBool(n); ok {
		v.kind, v.scalar = kindBool, isTrue
		return v
	}
	switch n.ShortTag() {
	case "!!null":
		v.kind, v.scalar = kindNull, nil
		return v
	case "!!str", "!!timestamp", "!!merge":
		return v
	case "!!bool", "!!int", "!!float":
	case "!!binary":
		var s string
		if err := n.Decode(&s); err != nil {
			b.add(v.line, path, "!!binary value that is no base64", "write base64, or leave the tag out")
			return nil
		}
		v.scalar = s
		return v
	default:
		b.add(v.line, path, fmt.Sprintf("unknown YAML tag %q", shorten(n.Tag)), "leave the tag out")
		return nil
	}
	var decoded any
	err := n.Decode(&decoded)
	if err == nil && v.set(decoded) {
		return v
	}
	b.add(v.line, path, fmt.Sprintf("the value %q is no %s that JSON can carry", shorten(n.Value), n.ShortTag()[2:]), "quote it if it is meant as a string")
	return nil
}

// oldBool recognises the plain booleans of YAML 1.1 that the parser takes for strings.
func oldBool(n *yaml.Node) (isTrue, ok bool) {
	if n.Style&^yaml.FlowStyle != 0 || n.ShortTag() != "!!str" {
		return false, false
	}
	if slices.Contains([]string{"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"}, n.Value) {
		return true, true
	}
	return false, slices.Contains([]string{"n", "N", "no", "No", "NO", "off", "Off", "OFF"}, n.Value)
}

// set takes a number or boolean; false means that it is none, or one that JSON cannot carry.
func (v *value) set(decoded any) bool {
	switch d := decoded.(type) {
	case bool:
		v.kind, v.scalar = kindBool, d
	case int:
		v.kind, v.scalar = kindInt, int64(d)
	case int64:
		v.kind, v.scalar = kindInt, d
	case uint64:
		v.kind, v.scalar = kindFloat, float64(d)
	case float64:
		v.kind, v.scalar = kindFloat, d
		return !math.IsNaN(d) && !math.IsInf(d, 0)
	default:
		return false
	}
	return true
}

// join is the path of a field below another.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
