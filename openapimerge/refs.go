package openapimerge

import (
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/schemamutation"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// collector gathers the nodes that parts of a document refer to. It visits what kube-openapi's walkers
// visit (pkg/aggregator walker.go): no headers, no shared responses, no dependencies.
type collector struct {
	doc   *Document
	nodes []int
}

// take returns what was gathered, each node once, and starts anew.
func (c *collector) take() []int {
	if len(c.nodes) == 0 {
		return nil
	}
	slices.Sort(c.nodes)
	out := slices.Clone(slices.Compact(c.nodes))
	c.nodes = c.nodes[:0]
	return out
}

func (c *collector) ref(ref *spec.Ref) {
	if ref.GetURL() == nil {
		return
	}
	target := ref.String()
	if name, ok := strings.CutPrefix(target, definitionPrefix); ok {
		if id, known := c.doc.ids[name]; known {
			c.nodes = append(c.nodes, id)
		}
	} else if name, ok := strings.CutPrefix(target, parameterPrefix); ok {
		if id, known := c.doc.paramIDs[name]; known {
			c.nodes = append(c.nodes, id)
		}
	}
}

func (c *collector) schema(schema *spec.Schema) {
	if schema == nil {
		return
	}
	c.ref(&schema.Ref)
	eachSubschema(schema, func(sub *spec.Schema, _ bool) { c.schema(sub) })
}

func (c *collector) parameter(param *spec.Parameter) {
	c.ref(&param.Ref)
	c.schema(param.Schema)
	if param.Items != nil {
		c.ref(&param.Items.Ref)
	}
}

func (c *collector) response(response *spec.Response) {
	if response != nil {
		c.ref(&response.Ref)
		c.schema(response.Schema)
	}
}

func (c *collector) pathItem(item *spec.PathItem) {
	for i := range item.Parameters {
		c.parameter(&item.Parameters[i])
	}
	for _, op := range operations(item) {
		if *op == nil {
			continue
		}
		for i := range (*op).Parameters {
			c.parameter(&(*op).Parameters[i])
		}
		if responses := (*op).Responses; responses != nil {
			c.response(responses.Default)
			for _, response := range responses.StatusCodeResponses {
				c.response(&response)
			}
		}
	}
}

// rewriter gives references new targets in copies of what it is handed.
type rewriter struct {
	// targets maps a reference as written to its new one.
	targets map[string]spec.Ref
	walker  schemamutation.Walker
}

// newRewriter takes renames by node and the names of all nodes.
func newRewriter(doc *Document, renames map[int]string) *rewriter {
	r := &rewriter{targets: make(map[string]spec.Ref, len(renames))}
	for node, name := range renames {
		from, prefix := "", definitionPrefix
		if node < len(doc.names) {
			from = doc.names[node]
		} else {
			from, prefix = doc.paramNames[node-len(doc.names)], parameterPrefix
		}
		// A name that is no valid reference cannot have been referred to either.
		if ref, err := spec.NewRef(prefix + name); err == nil {
			r.targets[prefix+from] = ref
		}
	}
	r.walker = schemamutation.Walker{
		SchemaCallback: schemamutation.SchemaCallBackNoop,
		RefCallback:    r.ref,
	}
	return r
}

// ref returns its argument when it stays as it is.
func (r *rewriter) ref(ref *spec.Ref) *spec.Ref {
	if ref.GetURL() == nil {
		return ref
	}
	if to, ok := r.targets[ref.String()]; ok {
		return &to
	}
	return ref
}

func (r *rewriter) schema(schema *spec.Schema) *spec.Schema { return r.walker.WalkSchema(schema) }

func (r *rewriter) parameter(param spec.Parameter) spec.Parameter {
	param.Ref = *r.ref(&param.Ref)
	param.Schema = r.schema(param.Schema)
	if param.Items != nil {
		// kube-openapi's walker writes into the shared Items here.
		items := *param.Items
		items.Ref = *r.ref(&items.Ref)
		param.Items = &items
	}
	return param
}

func (r *rewriter) parameters(params []spec.Parameter) []spec.Parameter {
	out := slices.Clone(params)
	for i := range out {
		out[i] = r.parameter(out[i])
	}
	return out
}

func (r *rewriter) response(response spec.Response) spec.Response {
	response.Ref = *r.ref(&response.Ref)
	response.Schema = r.schema(response.Schema)
	return response
}

func (r *rewriter) pathItem(item spec.PathItem) spec.PathItem {
	item.Parameters = r.parameters(item.Parameters)
	for _, op := range operations(&item) {
		if *op == nil {
			continue
		}
		renamed := **op
		renamed.Parameters = r.parameters(renamed.Parameters)
		if renamed.Responses != nil {
			responses := *renamed.Responses
			if responses.Default != nil {
				byDefault := r.response(*responses.Default)
				responses.Default = &byDefault
			}
			if responses.StatusCodeResponses != nil {
				byCode := make(map[int]spec.Response, len(responses.StatusCodeResponses))
				for code, response := range responses.StatusCodeResponses {
					byCode[code] = r.response(response)
				}
				responses.StatusCodeResponses = byCode
			}
			renamed.Responses = &responses
		}
		*op = &renamed
	}
	return item
}
