package openapimerge

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Document returns the merged document decoded, anew at each call; nil for the result of a merge that failed. The error
// is that of decoding a path.
func (r V2Result) Document() (*spec.Swagger, error) {
	if r.rest == nil {
		return nil, nil //nolint:nilnil // no document is an answer
	}
	out := *r.rest
	if len(r.paths) > 0 {
		out.Paths = &spec.Paths{Paths: make(map[string]spec.PathItem, len(r.paths))}
		for name, entry := range r.paths {
			item, err := entry.item()
			if err != nil {
				return nil, err
			}
			out.Paths.Paths[name] = *item
		}
	}
	if len(r.definitions) > 0 {
		out.Definitions = make(spec.Definitions, len(r.definitions))
		for name, def := range r.definitions {
			out.Definitions[name] = def.gvks.apply(def.schema)
		}
	}
	return &out, nil
}

// seam stands, in the encoding of the rest of a document, for its definitions and for its paths.
const seam = "/kagg-seam"

// JSON encodes the merged document as EncodeV2JSON does. What the merge did not change is copied as its own document
// has it. It fails where EncodeV2JSON does; on the result of a merge that failed it must not be called.
func (r V2Result) JSON() ([]byte, error) {
	document, _, err := r.JSONParts()
	return document, err
}

// JSONParts returns, beside what JSON does, the ascending offsets at which the members of its paths and definitions
// begin: two documents that have most of these in common have most of their text in common. Where the library encodes
// the whole document there are none.
func (r V2Result) JSONParts() (document []byte, starts []int, err error) {
	document, starts = r.assemble()
	if document == nil {
		document, err = r.encodeWhole()
	}
	return document, starts, err
}

// assemble puts the document together from its parts, if these allow it; otherwise it returns nil.
func (r V2Result) assemble() (document []byte, starts []int) {
	if len(r.definitions) == 0 || len(r.paths) == 0 || !plain(maps.Keys(r.definitions)) || !plain(maps.Keys(r.paths)) || !encoded(maps.Keys(r.paths)) {
		return nil, nil
	}
	rest := *r.rest
	rest.Definitions = spec.Definitions{seam: spec.Schema{}}
	rest.Paths = &spec.Paths{Paths: map[string]spec.PathItem{seam: {}}}
	frame, err := rest.MarshalJSON()
	if err != nil {
		return nil, nil
	}
	// Where the parts go, in the order of the encoding.
	frames := bytes.Split(frame, []byte(`"`+seam+`":{}`))
	first, second := bytes.Index(frame, []byte(`"definitions":{"`+seam+`":{}`)), bytes.Index(frame, []byte(`"paths":{"`+seam+`":{}`))
	if len(frames) != 3 || first < 0 || second < 0 {
		return nil, nil
	}
	definitions, err := encodeAll(r.definitions, (*definition).json)
	if err != nil {
		return nil, nil
	}
	paths, err := encodeAll(r.paths, pathEntry.json)
	if err != nil {
		return nil, nil
	}
	parts := [2]encodedParts{definitions, paths}
	if second < first {
		parts[0], parts[1] = parts[1], parts[0]
	}
	out := make([]byte, 0, len(frame)+parts[0].size+parts[1].size)
	starts = make([]int, 0, len(r.definitions)+len(r.paths))
	for i := range parts {
		out, starts = parts[i].append(append(out, frames[i]...), starts)
	}
	return append(out, frames[2]...), starts
}

// json encodes the definition.
func (d *definition) json() (json.RawMessage, error) {
	switch {
	case d.gvks.changed, d.rewritten != nil && d.rewritten.json == nil:
		return d.gvks.apply(d.schema).MarshalJSON()
	case d.rewritten != nil:
		return d.rewritten.json, nil
	default:
		return d.doc.definitionJSON(d.id)
	}
}

// encodeWhole leaves all to the library, its errors too.
func (r V2Result) encodeWhole() ([]byte, error) {
	document, err := r.Document()
	if err != nil {
		return nil, err
	}
	return EncodeV2JSON(document)
}

// plain tells whether names are encoded as they are, and sorted as their bytes are.
func plain(names func(func(string) bool)) bool {
	for name := range names {
		if name == seam || strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) {
			return false
		}
	}
	return true
}

// encoded tells whether none of the paths is one that the library leaves out.
func encoded(paths func(func(string) bool)) bool {
	for path := range paths {
		if !strings.HasPrefix(path, "/") {
			return false
		}
	}
	return true
}

// encodedParts are the members of an object, by sorted name, and about how long they are together.
type encodedParts struct {
	names  []string
	values []json.RawMessage
	size   int
}

func encodeAll[T any](parts map[string]T, encode func(T) (json.RawMessage, error)) (encodedParts, error) {
	out := encodedParts{names: slices.Sorted(maps.Keys(parts)), values: make([]json.RawMessage, 0, len(parts))}
	for _, name := range out.names {
		value, err := encode(parts[name])
		if err != nil {
			return out, err
		}
		out.values = append(out.values, value)
		out.size += len(name) + len(value) + len(`"":,`)
	}
	return out, nil
}

// append adds the members, and where they begin to starts.
func (e encodedParts) append(to []byte, starts []int) ([]byte, []int) {
	for i, name := range e.names {
		if i > 0 {
			to = append(to, ',')
		}
		starts = append(starts, len(to))
		to = append(append(append(to, '"'), name...), `":`...)
		to = append(to, e.values[i]...)
	}
	return to, starts
}
