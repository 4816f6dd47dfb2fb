package openapimerge

import (
	"encoding/json"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// rewritten is a path or a definition in which references were changed.
type rewritten struct {
	// renames are the nodes of its document that have other names in the merged one.
	renames map[int]string
	// json is its encoding; nil for a definition that has none.
	json json.RawMessage

	// What follows is of definitions. schema is nil for one whose encoding tells all of it; hash is its fingerprint.
	schema *spec.Schema
	digest digest
	hash   uint64
}

// holds tells whether, renamed so, the nodes would have the same names again.
func (r *rewritten) holds(renames map[int]string, nodes []int) bool {
	for _, node := range nodes {
		if r.renames[node] != renames[node] {
			return false
		}
	}
	return true
}

// rewritePath changes the references of a path of the document. One that the library cannot decode or encode, though
// it did before, which no document is known to have, stays as it is: nil.
func (s *source) rewritePath(rewriter *rewriter, i int) *rewritten {
	before := s.earlier.paths[s.doc.paths[i]]
	if before.rewritten != nil && before.doc == s.doc.Document && before.number == i && before.rewritten.holds(s.renames, s.doc.pathRefs[i]) {
		return before.rewritten
	}
	item, err := s.doc.pathItem(i)
	if err != nil {
		return nil
	}
	data, err := rewriter.pathItem(*item).MarshalJSON()
	if err != nil {
		return nil
	}
	return &rewritten{renames: s.renames, json: data}
}

// rewriteDefinition changes the references of a definition of the result that is a document's. One that cannot be
// decoded stays as it is, as a path does.
func (s *source) rewriteDefinition(rewriter *rewriter, def *definition) {
	before := s.earlier.definitions[def.name]
	if before != nil && before.rewritten != nil && before.doc.Document == s.doc.Document && before.id == def.id && before.rewritten.holds(s.renames, s.doc.refs[def.id]) {
		def.rewritten = before.rewritten
		return
	}
	schema, err := s.doc.schema(def.id)
	if err != nil {
		return
	}
	schema = rewriter.schema(schema)
	def.rewritten = &rewritten{renames: s.renames, schema: schema, hash: fingerprint(schema)}
	if data, err := schema.MarshalJSON(); err == nil {
		def.rewritten.json = data
		if def.rewritten.digest = digestOf(schema, data); def.rewritten.digest != (digest{}) {
			def.rewritten.schema = nil
		}
	}
}
