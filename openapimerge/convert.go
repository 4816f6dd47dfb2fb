package openapimerge

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/kube-openapi/pkg/openapiconv"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Conversion is an OpenAPI v2 document converted to v3. It is read-only.
type Conversion struct {
	// Source is what was converted.
	Source *Document
	// JSON is the result as EncodeV3JSON writes it, and Hash its Hash.
	JSON []byte
	Hash string

	losses []loss
	fixed  int
}

// Convert converts an OpenAPI v2 document to v3 as the kube-aggregator does for backends without v3
// (kube-openapi pkg/openapiconv, ConvertV2ToV3). An operation without responses, which makes the library
// dereference nil, is taken as one with none. The error is one of decoding the document or encoding the result.
func Convert(doc *Document) (*Conversion, error) {
	swagger, err := doc.Swagger()
	if err != nil {
		return nil, fmt.Errorf("convert OpenAPI v2 document to v3: %w", err)
	}
	sound, fixed := withResponses(swagger)
	data, err := EncodeV3JSON(openapiconv.ConvertV2ToV3(sound))
	if err != nil {
		return nil, fmt.Errorf("convert OpenAPI v2 document to v3: %w", err)
	}
	return &Conversion{Source: doc, JSON: data, Hash: Hash(data), losses: conversionLosses(swagger), fixed: fixed}, nil
}

// Document returns the result decoded, converted anew at each call. The error is that of decoding the source.
func (c *Conversion) Document() (*spec3.OpenAPI, error) {
	swagger, err := c.Source.Swagger()
	if err != nil {
		return nil, err
	}
	sound, _ := withResponses(swagger)
	return openapiconv.ConvertV2ToV3(sound), nil
}

// withResponses returns the document itself, or, if operations in it have no responses, a copy as deep as
// need be in which they have empty ones, and how many those are.
func withResponses(doc *spec.Swagger) (*spec.Swagger, int) {
	if doc.Paths == nil {
		return doc, 0
	}
	fixed := 0
	changed := map[string]spec.PathItem{}
	for path, item := range doc.Paths.Paths {
		before := fixed
		for _, op := range operations(&item) {
			if *op == nil || (*op).Responses != nil {
				continue
			}
			sound := **op
			sound.Responses = &spec.Responses{}
			*op = &sound
			fixed++
		}
		if fixed > before {
			changed[path] = item
		}
	}
	if fixed == 0 {
		return doc, 0
	}
	paths := *doc.Paths
	paths.Paths = maps.Clone(doc.Paths.Paths)
	maps.Copy(paths.Paths, changed)
	out := *doc
	out.Paths = &paths
	return &out, fixed
}

// operations are the places of a path's operations.
func operations(item *spec.PathItem) []**spec.Operation {
	return []**spec.Operation{&item.Delete, &item.Get, &item.Head, &item.Options, &item.Patch, &item.Post, &item.Put}
}

// loss is one way in which a converted document says less than its source.
type loss struct {
	what  string
	count int
	// sample is where, the first in order of names.
	sample string
}

// The ways, as they are told.
const (
	lossSharedParameters = "shared parameters are not carried over; references to #/components/parameters lead nowhere"
	lossNestedRefs       = "references inside allOf, anyOf, oneOf, not, patternProperties and nested definitions still point into #/definitions"
	lossConstraints      = "enum, pattern, limits, default, items and collectionFormat of parameters are dropped"
	lossBodyName         = "body parameters not named \"body\" become parameters with in: body, which v3 does not know"
	lossForm             = "form parameters become parameters with in: formData, which v3 does not know"
	lossResponseParts    = "headers and examples of responses are dropped"
	lossNoMediaType      = "request and response bodies of operations without consumes or produces are dropped"
	lossDocument         = "host, basePath, schemes, security, tags or extensions of the document are dropped"
	lossOperation        = "security and schemes of operations are dropped"
)

// losses counts them.
type losses map[string]*loss

func (l losses) add(what, where string) {
	have, ok := l[what]
	if !ok {
		l[what] = &loss{what: what, count: 1, sample: where}
		return
	}
	have.count++
	have.sample = min(have.sample, where)
}

// conversionLosses lists what ConvertV2ToV3 does not carry over from a document, by what is lost.
func conversionLosses(doc *spec.Swagger) []loss {
	found := losses{}
	if doc.Host != "" || doc.BasePath != "" || len(doc.Schemes)+len(doc.Security)+len(doc.Tags)+len(doc.Extensions) > 0 {
		found.add(lossDocument, "document")
	}
	for name := range doc.Parameters {
		found.add(lossSharedParameters, name)
	}
	for name, schema := range doc.Definitions {
		found.schema(&schema, false, name)
	}
	if doc.Paths != nil {
		for path, item := range doc.Paths.Paths {
			for i := range item.Parameters {
				found.parameter(&item.Parameters[i], path)
			}
			for _, op := range operations(&item) {
				if *op != nil {
					found.operation(*op, path)
				}
			}
		}
	}
	out := make([]loss, 0, len(found))
	for _, what := range slices.Sorted(maps.Keys(found)) {
		out = append(out, *found[what])
	}
	return out
}

func (l losses) operation(op *spec.Operation, path string) {
	if len(op.Security)+len(op.Schemes) > 0 {
		l.add(lossOperation, path)
	}
	for i := range op.Parameters {
		param := &op.Parameters[i]
		if param.Name == "body" && param.Schema != nil {
			l.schema(param.Schema, false, path)
			if len(op.Consumes) == 0 {
				l.add(lossNoMediaType, path)
			}
			continue
		}
		l.parameter(param, path)
	}
	if op.Responses == nil {
		return
	}
	if op.Responses.Default != nil {
		l.response(op.Responses.Default, op.Produces, path)
	}
	for _, response := range op.Responses.StatusCodeResponses {
		l.response(&response, op.Produces, path)
	}
}

func (l losses) parameter(param *spec.Parameter, path string) {
	switch param.In {
	case "body":
		l.add(lossBodyName, path)
	case "formData":
		l.add(lossForm, path)
	}
	limits := param.CommonValidations
	limited := limits.Maximum != nil || limits.Minimum != nil || limits.MaxLength != nil || limits.MinLength != nil ||
		limits.MaxItems != nil || limits.MinItems != nil || limits.MultipleOf != nil || limits.Pattern != "" || len(limits.Enum) > 0
	if limited || param.Items != nil || param.Default != nil || param.CollectionFormat != "" {
		l.add(lossConstraints, path)
	}
	l.schema(param.Schema, false, path)
}

func (l losses) response(response *spec.Response, produces []string, path string) {
	if len(response.Headers)+len(response.Examples) > 0 {
		l.add(lossResponseParts, path)
	}
	if response.Schema != nil && len(produces) == 0 {
		l.add(lossNoMediaType, path)
	}
	l.schema(response.Schema, false, path)
}

// schema looks for references that the conversion does not reach; inside says that it does not come here.
func (l losses) schema(schema *spec.Schema, inside bool, where string) {
	if schema == nil {
		return
	}
	if inside && schema.Ref.String() != "" {
		l.add(lossNestedRefs, where)
	}
	eachSubschema(schema, func(sub *spec.Schema, composed bool) { l.schema(sub, inside || composed, where) })
}

// eachSubschema calls f with every schema directly inside one that kube-openapi's walkers visit. composed
// says that it is there by other means than properties, items, additionalProperties and additionalItems.
func eachSubschema(schema *spec.Schema, f func(sub *spec.Schema, composed bool)) {
	eachNamed(schema.Definitions, f, true)
	eachNamed(schema.PatternProperties, f, true)
	eachNamed(schema.Properties, f, false)
	for _, list := range [...][]spec.Schema{schema.AllOf, schema.AnyOf, schema.OneOf} {
		for i := range list {
			f(&list[i], true)
		}
	}
	if schema.Not != nil {
		f(schema.Not, true)
	}
	for _, either := range [...]*spec.SchemaOrBool{schema.AdditionalProperties, schema.AdditionalItems} {
		if either != nil && either.Schema != nil {
			f(either.Schema, false)
		}
	}
	if schema.Items != nil {
		if schema.Items.Schema != nil {
			f(schema.Items.Schema, false)
		}
		for i := range schema.Items.Schemas {
			f(&schema.Items.Schemas[i], false)
		}
	}
}

func eachNamed(schemas map[string]spec.Schema, f func(sub *spec.Schema, composed bool), composed bool) {
	if len(schemas) == 0 {
		return
	}
	// One for all: what is handed on by its address is made anew for each, and a schema is large.
	var sub spec.Schema
	for _, sub = range schemas {
		f(&sub, composed)
	}
}
