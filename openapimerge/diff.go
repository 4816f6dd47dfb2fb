package openapimerge

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

const (
	// diffLines and diffWidth bound a decision's Diff.
	diffLines = 20
	diffWidth = 160
)

// difference says how two values differ in their JSON: a line per leaf, named by its path, "-" for the
// winner's and "+" for the loser's. Top-level keys in without are left out.
func difference(winner, loser any, without ...string) string {
	left, right := leaves(winner, without), leaves(loser, without)
	type line struct {
		path, sign, value string
	}
	var lines []line
	for path, value := range left {
		if other, ok := right[path]; !ok || other != value {
			lines = append(lines, line{path, "-", value})
		}
	}
	for path, value := range right {
		if other, ok := left[path]; !ok || other != value {
			lines = append(lines, line{path, "+", value})
		}
	}
	slices.SortFunc(lines, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(b.sign, a.sign))
	})
	var out strings.Builder
	for i, l := range lines {
		if i == diffLines {
			fmt.Fprintf(&out, "and %d more lines\n", len(lines)-i)
			break
		}
		text := fmt.Sprintf("%s %s: %s", l.sign, l.path, l.value)
		if len(text) > diffWidth {
			text = strings.ToValidUTF8(text[:diffWidth], "") + "..."
		}
		out.WriteString(text + "\n")
	}
	return out.String()
}

// leaves flattens a value's JSON into path: value. A value that has no JSON has no leaves: a diff is a
// comment on a decision and never a reason to fail.
func leaves(value any, without []string) map[string]string {
	out := map[string]string{}
	data, err := json.Marshal(value)
	if err != nil {
		return out
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return out
	}
	if object, ok := tree.(map[string]any); ok {
		for _, key := range without {
			delete(object, key)
		}
	}
	flatten(tree, "", out)
	return out
}

func flatten(tree any, path string, out map[string]string) {
	switch node := tree.(type) {
	case map[string]any:
		if len(node) > 0 {
			for key, child := range node {
				flatten(child, strings.TrimPrefix(path+"."+key, "."), out)
			}
			return
		}
		out[path] = "{}"
	case []any:
		if len(node) > 0 {
			for i, child := range node {
				flatten(child, fmt.Sprintf("%s[%d]", path, i), out)
			}
			return
		}
		out[path] = "[]"
	default:
		text, err := json.Marshal(node)
		if err != nil {
			return
		}
		out[path] = string(text)
	}
}
