package openapimerge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// origin is a definition or a path of an input's document.
type origin struct {
	document *Prepared
	path     bool
	number   int
}

// encoded is the part as its document brought it, if it did.
func (o origin) encoded() ([]byte, bool) {
	if o.document == nil {
		return nil, false
	}
	parts := o.document.encodedDefinitions
	if o.path {
		parts = o.document.encodedPaths
	}
	if parts == nil {
		return nil, false
	}
	return parts[o.number], true
}

// PrepareEncoded decodes and prepares a document that EncodeV2JSON wrote, and remembers the encoding of its parts. That
// it was written so is not looked at: what else is given comes out of EncodeJSON as it is.
func PrepareEncoded(data []byte) (*Prepared, error) {
	doc, err := DecodeV2(data)
	if err != nil {
		return nil, err
	}
	var parts struct {
		Definitions map[string]json.RawMessage `json:"definitions"`
		Paths       map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(data, &parts); err != nil {
		return nil, fmt.Errorf("divide an OpenAPI v2 document of %d bytes: %w", len(data), err)
	}
	p := Prepare(doc)
	p.encodedDefinitions, p.encodedPaths = inOrder(parts.Definitions, p.names), inOrder(parts.Paths, p.paths)
	return p, nil
}

func inOrder(parts map[string]json.RawMessage, names []string) [][]byte {
	out := make([][]byte, len(names))
	for i, name := range names {
		out[i] = parts[name]
	}
	return out
}

// Fragments are the parts of one merged document as they are encoded, by the inputs' documents that they come from.
// They spare the next encoding what did not change since. They are immutable; nil has none.
type Fragments map[origin][]byte

// seam stands, in the encoding of the rest of a document, for its definitions and for its paths.
const seam = "/kagg-seam"

// EncodeJSON encodes Document as EncodeV2JSON does. Parts that are in known, and came from the same document as they
// are, are taken from there; the result's own Fragments are for the encoding of the next merge. It fails where
// EncodeV2JSON does.
func (r V2Result) EncodeJSON(known Fragments) ([]byte, Fragments, error) {
	rest := *r.Document
	if len(rest.Definitions) == 0 || rest.Paths == nil || len(rest.Paths.Paths) == 0 || !plain(maps.Keys(rest.Definitions)) || !plain(maps.Keys(rest.Paths.Paths)) || !encoded(maps.Keys(rest.Paths.Paths)) {
		return r.encodeWhole()
	}
	rest.Definitions = spec.Definitions{seam: spec.Schema{}}
	rest.Paths = &spec.Paths{VendorExtensible: rest.Paths.VendorExtensible, Paths: map[string]spec.PathItem{seam: {}}}
	frame, err := rest.MarshalJSON()
	if err != nil {
		return r.encodeWhole()
	}
	// Where the parts go, in the order of the encoding.
	frames := bytes.Split(frame, []byte(`"`+seam+`":{}`))
	first, second := bytes.Index(frame, []byte(`"definitions":{"`+seam)), bytes.Index(frame, []byte(`"paths":{"`+seam))
	if len(frames) != 3 || first < 0 || second < 0 {
		return r.encodeWhole()
	}
	e := &encoder{known: known, next: make(Fragments, len(r.definitions)+len(r.paths))}
	writers := []func(V2Result){e.definitions, e.paths}
	if second < first {
		slices.Reverse(writers)
	}
	for i, write := range writers {
		e.out.Write(frames[i])
		write(r)
	}
	e.out.Write(frames[2])
	if e.err != nil {
		return r.encodeWhole()
	}
	return e.out.Bytes(), e.next, nil
}

// encodeWhole leaves all to the library, its errors too.
func (r V2Result) encodeWhole() ([]byte, Fragments, error) {
	data, err := EncodeV2JSON(r.Document)
	return data, nil, err
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

// encoder writes the parts of a document; after an error what it wrote is worth nothing.
type encoder struct {
	known, next Fragments
	out         bytes.Buffer
	err         error
}

func (e *encoder) definitions(r V2Result) {
	for i, name := range slices.Sorted(maps.Keys(r.Document.Definitions)) {
		e.part(i, name, r.definitions[name], func() ([]byte, error) { return r.Document.Definitions[name].MarshalJSON() })
	}
}

func (e *encoder) paths(r V2Result) {
	for i, name := range slices.Sorted(maps.Keys(r.Document.Paths.Paths)) {
		e.part(i, name, r.paths[name], func() ([]byte, error) { return r.Document.Paths.Paths[name].MarshalJSON() })
	}
}

func (e *encoder) part(i int, name string, from origin, encode func() ([]byte, error)) {
	content, ok := from.encoded()
	if ok {
		e.write(i, name, content)
		return
	}
	content, ok = e.known[from]
	if !ok && e.err == nil {
		content, e.err = encode()
	}
	if from.document != nil {
		e.next[from] = content
	}
	e.write(i, name, content)
}

func (e *encoder) write(i int, name string, content []byte) {
	if i > 0 {
		e.out.WriteByte(',')
	}
	e.out.WriteByte('"')
	e.out.WriteString(name)
	e.out.WriteString(`":`)
	e.out.Write(content)
}
