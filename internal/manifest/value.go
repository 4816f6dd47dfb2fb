package manifest

import (
	"slices"
	"strconv"
	"strings"
)

type kind int

const (
	kindNull kind = iota
	kindBool
	kindInt
	kindFloat
	kindString
	kindObject
	kindList
)

// value is one YAML or JSON value with the line it is on. Aliases and merge keys are resolved in it.
type value struct {
	kind   kind
	line   int
	scalar any    // bool, int64, float64 or string
	raw    string // a scalar as it was written, such as yes or 1.0
	fields []member
	items  []*value
	// bad marks what was found wrong: it is left out of what further checks see.
	bad bool
}

// member is one key of an object, with the line of the key.
type member struct {
	name  string
	line  int
	value *value
}

// get returns the member called name, or nil.
func (v *value) get(name string) *member {
	if v == nil || v.kind != kindObject {
		return nil
	}
	for i := range v.fields {
		if v.fields[i].name == name {
			return &v.fields[i]
		}
	}
	return nil
}

// text returns the string at name, or "" if there is none.
func (v *value) text(name string) string {
	if m := v.get(name); m != nil && m.value.kind == kindString {
		s, _ := m.value.scalar.(string)
		return s
	}
	return ""
}

// firstLine is the line of the first key of an object, of the value itself otherwise.
func (v *value) firstLine() int {
	if v.kind == kindObject && len(v.fields) > 0 {
		return v.fields[0].line
	}
	return v.line
}

// plain is the value as encoding/json would have it, with int64 for integers. Bad parts are left out.
func (v *value) plain() any {
	switch v.kind {
	case kindObject:
		m := make(map[string]any, len(v.fields))
		for _, f := range v.fields {
			if !f.value.bad {
				m[f.name] = f.value.plain()
			}
		}
		return m
	case kindList:
		list := make([]any, 0, len(v.items))
		for _, item := range v.items {
			if !item.bad {
				list = append(list, item.plain())
			}
		}
		return list
	case kindNull, kindBool, kindInt, kindFloat, kindString:
	}
	return v.scalar
}

// anyBad reports whether v or a part of it was found bad.
func (v *value) anyBad() bool {
	return v.bad ||
		slices.ContainsFunc(v.fields, func(m member) bool { return m.value.anyBad() }) ||
		slices.ContainsFunc(v.items, (*value).anyBad)
}

// describe says what a value is, for "wanted X, found Y".
func (v *value) describe() string {
	switch v.kind {
	case kindBool:
		return "the boolean " + v.raw
	case kindInt, kindFloat:
		return "the number " + v.raw
	case kindString:
		s, _ := v.scalar.(string)
		return "the string " + strconv.Quote(shorten(s))
	case kindObject:
		return "an object"
	case kindList:
		return "a list"
	case kindNull:
	}
	return "nothing"
}

// shorten cuts what is too long to be repeated in an error.
func shorten(s string) string {
	const longest = 40
	if r := []rune(s); len(r) > longest {
		return string(r[:longest]) + "..."
	}
	return s
}

// find follows a field path such as spec.ports[0].name or metadata.labels[app] as far as the document
// has it. It returns the line of the last key or item found, and whether that is the whole path and
// nothing on it was found bad.
func (v *value) find(path string) (line int, good bool) {
	good = true
	line = v.firstLine()
	for path != "" {
		var name string
		name, path = nextStep(path)
		if m := v.get(name); m != nil {
			v, line = m.value, m.line
			good = good && !v.bad
			continue
		}
		i, err := strconv.Atoi(name)
		if err != nil || v.kind != kindList || i < 0 || i >= len(v.items) {
			return line, false
		}
		v = v.items[i]
		line = v.firstLine()
		good = good && !v.bad
	}
	return line, good
}

// nextStep cuts the first step off a field path: a name up to a dot or bracket, or what a pair of
// brackets holds, which may have dots in it.
func nextStep(path string) (step, rest string) {
	path = strings.TrimPrefix(path, ".")
	if inner, ok := strings.CutPrefix(path, "["); ok {
		if step, rest, ok = strings.Cut(inner, "]"); ok {
			return step, rest
		}
		return inner, ""
	}
	if i := strings.IndexAny(path, ".["); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}
