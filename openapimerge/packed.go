package openapimerge

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// ReadDocument decodes an OpenAPI v2 document from JSON.
func ReadDocument(data []byte) (*Document, error) {
	swagger, err := DecodeV2(data)
	if err != nil {
		return nil, err
	}
	d := prepare(swagger)
	if encoded, err := EncodeV2JSON(swagger); err == nil && !hollowOperations(swagger) {
		d.pack(encoded)
	}
	return d, nil
}

// hollowOperations tells of operations without responses, and of default responses that say nothing: an encoding leaves
// them out, and a conversion has to know of them.
func hollowOperations(doc *spec.Swagger) bool {
	if doc.Paths == nil {
		return false
	}
	for _, item := range doc.Paths.Paths {
		for _, op := range operations(&item) {
			if *op == nil {
				continue
			}
			if r := (*op).Responses; r == nil || r.Default != nil && reflect.DeepEqual(*r.Default, spec.Response{}) {
				return true
			}
		}
	}
	return false
}

// ReadEncodedDocument is ReadDocument for what EncodeV2JSON wrote of a decoded document, and spares writing it again.
// That it was written so is not looked at: what else is given is what the merged document has.
func ReadEncodedDocument(data []byte) (*Document, error) {
	swagger, err := DecodeV2(data)
	if err != nil {
		return nil, err
	}
	d := prepare(swagger)
	d.pack(data)
	return d, nil
}

// pack replaces the whole document by its encoded parts, if it is found to be made of them. What it is made of in
// another way, by names that have to be escaped for one, stays whole.
func (p *Document) pack(data []byte) {
	definitions, paths := []byte(nil), []byte(nil)
	if !eachMember(data, func(name, value []byte) {
		switch string(name) {
		case `"definitions"`:
			definitions = value
		case `"paths"`:
			paths = value
		}
	}) {
		return
	}
	encodedDefinitions, ok := membersOf(definitions, p.names)
	if !ok {
		return
	}
	encodedPaths, ok := membersOf(paths, p.paths)
	if !ok {
		return
	}
	p.whole, p.json, p.encodedDefinitions, p.encodedPaths = nil, data, encodedDefinitions, encodedPaths
	p.digests = make([]digest, len(p.definitions))
	for i, schema := range p.definitions {
		if p.digests[i] = digestOf(schema, encodedDefinitions[i]); p.digests[i] != (digest{}) {
			p.definitions[i] = nil
		}
	}
}

// membersOf divides an object in which, beside extensions, there are members of these names in their order; no object
// has none.
func membersOf(object []byte, names []string) ([][]byte, bool) {
	out := make([][]byte, 0, len(names))
	if object == nil {
		return out, len(names) == 0
	}
	ok := eachMember(object, func(name, value []byte) {
		if i := len(out); i < len(names) && len(name) == len(names[i])+2 && string(name[1:len(name)-1]) == names[i] {
			out = append(out, value)
		}
	})
	return out, ok && len(out) == len(names)
}

// eachMember calls f with the members of a JSON object without blanks between its parts: names as they are written,
// in quotes. It is false for anything else; that the values are sound is not looked at.
func eachMember(object []byte, f func(name, value []byte)) bool {
	if len(object) < 2 || object[0] != '{' || object[len(object)-1] != '}' {
		return false
	}
	for rest := object[1 : len(object)-1]; len(rest) > 0; {
		end := valueEnd(rest)
		if rest[0] != '"' || end >= len(rest) || rest[end] != ':' {
			return false
		}
		name := rest[:end]
		rest = rest[end+1:]
		end = valueEnd(rest)
		if end == 0 || end < len(rest) && rest[end] != ',' || end == len(rest)-1 {
			return false
		}
		f(name, rest[:end:end])
		rest = rest[min(end+1, len(rest)):]
	}
	return true
}

// valueEnd is where the JSON value at the beginning of data ends.
func valueEnd(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return min(i+1, len(data))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return len(data)
}

// Paths returns the paths, sorted. They are not to be changed.
func (p *Document) Paths() []string { return p.paths }

// HasPath tells whether the document has a path.
func (p *Document) HasPath(path string) bool {
	_, found := slices.BinarySearch(p.paths, path)
	return found
}

// Definitions returns the names of the definitions, sorted. They are not to be changed.
func (p *Document) Definitions() []string { return p.names }

// HasDefinition tells whether the document has a definition of the name.
func (p *Document) HasDefinition(name string) bool {
	_, found := p.ids[name]
	return found
}

// JSON returns the document as EncodeV2JSON writes it. It is not to be changed. The error is EncodeV2JSON's.
func (p *Document) JSON() ([]byte, error) {
	if p.whole != nil {
		return EncodeV2JSON(p.whole)
	}
	return p.json, nil
}

// Swagger returns the document decoded, for some anew at each call. It is not to be changed. The error is DecodeV2's.
func (p *Document) Swagger() (*spec.Swagger, error) {
	if p.whole != nil {
		return p.whole, nil
	}
	return DecodeV2(p.json)
}

// pathItem decodes a path, by number.
func (p *Document) pathItem(i int) (*spec.PathItem, error) {
	if p.whole != nil {
		item := p.whole.Paths.Paths[p.paths[i]]
		return &item, nil
	}
	return decodePathItem(p.encodedPaths[i], p.paths[i])
}

func decodePathItem(data []byte, path string) (*spec.PathItem, error) {
	item := &spec.PathItem{}
	if err := item.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("decode %s: %w", path, steady(err))
	}
	return item, nil
}

// pathJSON encodes a path, by number.
func (p *Document) pathJSON(i int) (json.RawMessage, error) {
	if p.whole != nil {
		return p.whole.Paths.Paths[p.paths[i]].MarshalJSON()
	}
	return p.encodedPaths[i], nil
}

// schema returns a definition decoded, by number. It is not to be changed. The error is that of decoding it.
func (p *Document) schema(i int) (*spec.Schema, error) {
	if p.definitions[i] != nil {
		return p.definitions[i], nil
	}
	return decodeSchema(p.encodedDefinitions[i], p.names[i])
}

func decodeSchema(data []byte, name string) (*spec.Schema, error) {
	schema := &spec.Schema{}
	if err := schema.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("decode definition %s: %w", name, steady(err))
	}
	return schema, nil
}

// definitionJSON encodes a definition, by number.
func (p *Document) definitionJSON(i int) (json.RawMessage, error) {
	if p.whole != nil {
		return p.definitions[i].MarshalJSON()
	}
	return p.encodedDefinitions[i], nil
}
