package openapimerge

import (
	"encoding/json"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// definition is a definition of the result.
type definition struct {
	name  string
	gvks  gvkList
	owner *Input
	// sharers are those whose documents brought an equal one, of each document the first.
	sharers []*Input
	// doc and id say where it comes from, and rewritten how references in it were changed since, if they were.
	doc       *document
	id        int
	rewritten *rewritten
}

// decoded is the definition without what gvks added. It is not to be changed.
func (d *definition) decoded() (*spec.Schema, error) {
	switch {
	case d.rewritten == nil:
		return d.doc.schema(d.id)
	case d.rewritten.schema != nil:
		return d.rewritten.schema, nil
	default:
		return decodeSchema(d.rewritten.json, d.name)
	}
}

// encoded is the definition without what gvks added.
func (d *definition) encoded() (json.RawMessage, error) {
	switch {
	case d.rewritten == nil:
		return d.doc.definitionJSON(d.id)
	case d.rewritten.json != nil:
		return d.rewritten.json, nil
	default:
		return d.rewritten.schema.MarshalJSON()
	}
}

// complete is the definition as the merged document has it.
func (d *definition) complete() (spec.Schema, error) {
	schema, err := d.decoded()
	if err != nil {
		return spec.Schema{}, err
	}
	return d.gvks.apply(schema), nil
}

// json is the definition as the merged document has it, encoded.
func (d *definition) json() (json.RawMessage, error) {
	if !d.gvks.changed {
		return d.encoded()
	}
	schema, err := d.complete()
	if err != nil {
		return nil, err
	}
	return schema.MarshalJSON()
}

func (d *definition) fingerprint() uint64 {
	if d.rewritten != nil {
		return d.rewritten.hash
	}
	return d.doc.hashes[d.id]
}

// is says whether a definition of a document, as written, equals the result's but for group-version-kinds.
func (d *definition) is(doc *document, id int) bool {
	if d.rewritten != nil {
		return same(d.rewritten.digest, doc.digest(id), d.decoded, doc.Document, id)
	}
	return sameDefinition(d.doc.Document, d.id, doc.Document, id)
}

// unchanged says whether it is a document's very definition.
func (d *definition) unchanged(doc *document, id int) bool {
	return d.rewritten == nil && d.doc == doc && d.id == id
}

// rewrittenFrom says whether it was equal to a definition before its references were rewritten.
func (d *definition) rewrittenFrom(doc *document, id int) bool {
	return d.rewritten != nil && sameDefinition(d.doc.Document, d.id, doc.Document, id)
}

// definitionDifference is the difference between a definition of the result and one of a document but for their
// group-version-kinds; there is none to one that cannot be encoded.
func definitionDifference(winner *definition, doc *Document, id int) string {
	left, err := winner.encoded()
	if err != nil {
		return ""
	}
	right, err := doc.definitionJSON(id)
	if err != nil {
		return ""
	}
	return difference(left, right, gvkKey)
}
