package openapimerge

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Document returns the merged document decoded, anew at each call; nil for the result of a merge that failed. The error
// is that of decoding a part.
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
			schema, err := def.complete()
			if err != nil {
				return nil, err
			}
			out.Definitions[name] = schema
		}
	}
	return &out, nil
}

// seam stands, in the encoding of the rest of a document, for its definitions and for its paths.
const seam = "/kagg-seam"

// PartWriter takes an encoded document down.
type PartWriter interface {
	io.Writer
	// Part is called where a member of the paths or of the definitions begins.
	Part(name string)
}

// WriteJSON encodes the merged document as EncodeV2JSON does. What the merge did not change is copied as its own
// document has it. It fails where EncodeV2JSON does, and where to fails; on the result of a merge that failed it must
// not be called. Where the library encodes the whole document to is told of no parts.
func (r V2Result) WriteJSON(to PartWriter) error {
	if a, ok := r.assemble(); ok {
		return a.write(to)
	}
	document, err := r.encodeWhole()
	if err == nil {
		_, err = to.Write(document)
	}
	return err
}

// JSON returns what WriteJSON writes.
func (r V2Result) JSON() ([]byte, error) {
	a, ok := r.assemble()
	if !ok {
		return r.encodeWhole()
	}
	var out whole
	out.Grow(a.size())
	err := a.write(&out)
	return out.Bytes(), err
}

// whole takes a document down that nobody wants in parts.
type whole struct{ bytes.Buffer }

// Part implements PartWriter.
func (*whole) Part(string) {}

// assembled is an encoded document: its parts, and what is before, between and behind them.
type assembled struct {
	frames [3][]byte
	parts  [2]encodedParts
}

// assemble encodes the document's parts, if it can be put together from them.
func (r V2Result) assemble() (assembled, bool) {
	if len(r.definitions) == 0 || len(r.paths) == 0 || !plain(maps.Keys(r.definitions)) || !plain(maps.Keys(r.paths)) || !encoded(maps.Keys(r.paths)) {
		return assembled{}, false
	}
	rest := *r.rest
	rest.Definitions = spec.Definitions{seam: spec.Schema{}}
	rest.Paths = &spec.Paths{Paths: map[string]spec.PathItem{seam: {}}}
	frame, err := rest.MarshalJSON()
	if err != nil {
		return assembled{}, false
	}
	// Where the parts go, in the order of the encoding.
	frames := bytes.Split(frame, []byte(`"`+seam+`":{}`))
	first, second := bytes.Index(frame, []byte(`"definitions":{"`+seam+`":{}`)), bytes.Index(frame, []byte(`"paths":{"`+seam+`":{}`))
	if len(frames) != 3 || first < 0 || second < 0 {
		return assembled{}, false
	}
	definitions, err := encodeAll(r.definitions, (*definition).json)
	if err != nil {
		return assembled{}, false
	}
	paths, err := encodeAll(r.paths, pathEntry.json)
	if err != nil {
		return assembled{}, false
	}
	a := assembled{[3][]byte(frames), [2]encodedParts{definitions, paths}}
	if second < first {
		a.parts = [2]encodedParts{paths, definitions}
	}
	return a, true
}

// size is how long the document is at most.
func (a *assembled) size() int {
	return len(a.frames[0]) + a.parts[0].size + len(a.frames[1]) + a.parts[1].size + len(a.frames[2])
}

func (a *assembled) write(to PartWriter) error {
	for i := range a.parts {
		if _, err := to.Write(a.frames[i]); err != nil {
			return err
		}
		if err := a.parts[i].write(to); err != nil {
			return err
		}
	}
	_, err := to.Write(a.frames[len(a.parts)])
	return err
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

// encodedParts are the members of an object, by sorted name, and how long they are at most together.
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

// write writes the members. The comma before one is a part of it, so that it is the same whoever was before.
func (e encodedParts) write(to PartWriter) error {
	var head []byte
	for i, name := range e.names {
		head = head[:0]
		if i > 0 {
			head = append(head, ',')
		}
		to.Part(name)
		head = append(append(append(head, '"'), name...), `":`...)
		if _, err := to.Write(head); err != nil {
			return err
		}
		if _, err := to.Write(e.values[i]); err != nil {
			return err
		}
	}
	return nil
}
