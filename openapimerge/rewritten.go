package openapimerge

import "encoding/json"

// rewritten is a path or a definition in which references were changed.
type rewritten struct {
	// renames are the nodes of its document that have other names in the merged one.
	renames map[int]string
	// json is its encoding; nil for a definition that has none.
	json json.RawMessage
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
	return &rewritten{s.renames, data}
}

// rewriteDefinition changes the references of a definition of the result that is a document's.
func (s *source) rewriteDefinition(rewriter *rewriter, def *definition) {
	before := s.earlier.definitions[def.name]
	if before != nil && before.rewritten != nil && before.doc.Document == s.doc.Document && before.id == def.id && before.rewritten.holds(s.renames, s.doc.refs[def.id]) {
		def.schema, def.rewritten = before.schema, before.rewritten
		return
	}
	def.schema, def.rewritten = rewriter.schema(def.schema), &rewritten{renames: s.renames}
	if data, err := def.schema.MarshalJSON(); err == nil {
		def.rewritten.json = data
	}
}
