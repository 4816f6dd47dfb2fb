package openapimerge

import (
	"maps"
	"slices"
	"sort"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Where references point; kube-openapi's merge knows no others.
const (
	definitionPrefix = "#/definitions/"
	parameterPrefix  = "#/parameters/"
)

// gvkKey is the extension that lists the group-version-kinds of a definition.
const gvkKey = "x-kubernetes-group-version-kind"

// Document is one OpenAPI v2 document, looked through once for all merges: who refers to what is a graph of numbers,
// which is what makes them cheap. It is immutable. Inputs of one backend should hold the same pointer.
//
// It has its paths and definitions as they are encoded, a tenth of what they take decoded, and decodes those that
// something has to be done to.
//
// Nodes are the definitions, by sorted name, and after them the shared parameters, by sorted name.
type Document struct {
	// rest is the document without definitions and paths.
	rest *spec.Swagger
	// whole is the document decoded, of one that cannot be divided.
	whole *spec.Swagger
	// json is the document as EncodeV2JSON writes it; encodedDefinitions and encodedPaths are parts of it, in order.
	// They are nil where whole is not.
	json                             []byte
	encodedDefinitions, encodedPaths [][]byte
	// digests are of definitions but for their group-version-kinds: of two that have one, it tells whether they are
	// equal. It is zero for one whose encoding does not tell all of it.
	digests []digest

	names []string
	ids   map[string]int
	// definitions are decoded; nil for those whose encoding tells all of them.
	definitions []*spec.Schema
	// gvks are the definitions' own lists, and hashes their fingerprints: equal definitions have equal ones.
	gvks   []gvkList
	hashes []uint64
	// parameters are copies of the map's structs, so that there are pointers to them.
	parameters []spec.Parameter
	paramNames []string
	paramIDs   map[string]int
	// refs are the nodes that a node refers to directly.
	refs [][]int
	// paths are sorted; pathRefs are the nodes that a path refers to directly.
	paths    []string
	pathRefs [][]int

	// used are the nodes that any path leads to.
	used []bool
}

// document is one document during one merge.
type document struct {
	*Document
	// backend is the label of the first input that has the document.
	backend string
	local   bool

	// backRefs are the definitions that refer to a node directly; nil until they are needed.
	backRefs [][]int
	// taken are the paths that some input of the document kept, counted the definitions that were said to be
	// shared with another document, and settled those that the result has as they are: further inputs of
	// the document change nothing about them.
	taken, counted, settled []bool
}

func newDocument(d *Document, backend string) *document {
	return &document{
		Document: d, backend: backend,
		taken: make([]bool, len(d.paths)), counted: make([]bool, len(d.names)), settled: make([]bool, len(d.names)),
	}
}

// prepare looks through a document, which must not change any more, and keeps it whole.
func prepare(swagger *spec.Swagger) *Document {
	rest := *swagger
	rest.Definitions = nil
	p := &Document{
		rest: &rest, whole: swagger,
		names: slices.Sorted(maps.Keys(swagger.Definitions)), paramNames: slices.Sorted(maps.Keys(swagger.Parameters)),
	}
	p.ids, p.paramIDs = numbered(p.names, 0), numbered(p.paramNames, len(p.names))
	p.definitions = make([]*spec.Schema, len(p.names))
	p.gvks, p.hashes = make([]gvkList, len(p.names)), make([]uint64, len(p.names))
	p.parameters = make([]spec.Parameter, len(p.paramNames))
	p.refs = make([][]int, len(p.names)+len(p.paramNames))
	c := &collector{doc: p}
	for i, name := range p.names {
		schema := swagger.Definitions[name]
		c.schema(&schema)
		p.definitions[i], p.gvks[i], p.hashes[i], p.refs[i] = &schema, gvksOf(&schema), fingerprint(&schema), c.take()
	}
	for i, name := range p.paramNames {
		p.parameters[i] = swagger.Parameters[name]
		c.parameter(&p.parameters[i])
		p.refs[len(p.names)+i] = c.take()
	}
	if swagger.Paths == nil {
		return p
	}
	rest.Paths = &spec.Paths{VendorExtensible: swagger.Paths.VendorExtensible}
	p.paths = slices.Sorted(maps.Keys(swagger.Paths.Paths))
	p.pathRefs = make([][]int, len(p.paths))
	for i, path := range p.paths {
		item := swagger.Paths.Paths[path]
		c.pathItem(&item)
		p.pathRefs[i] = c.take()
	}
	p.used = p.reach(numbers(len(p.paths)))
	return p
}

func numbered(names []string, first int) map[string]int {
	out := make(map[string]int, len(names))
	for i, name := range names {
		out[name] = first + i
	}
	return out
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// reach marks the nodes that paths lead to, through any number of references.
func (p *Document) reach(paths []int) []bool {
	marked := make([]bool, len(p.refs))
	var open []int
	visit := func(nodes []int) {
		for _, node := range nodes {
			if !marked[node] {
				marked[node] = true
				open = append(open, node)
			}
		}
	}
	for _, path := range paths {
		visit(p.pathRefs[path])
	}
	for len(open) > 0 {
		node := open[len(open)-1]
		open = open[:len(open)-1]
		visit(p.refs[node])
	}
	return marked
}

// referrers are the definitions that refer to a node directly.
func (d *document) referrers(node int) []int {
	if d.backRefs == nil {
		d.backRefs = make([][]int, len(d.refs))
		for id := range d.names {
			for _, to := range d.refs[id] {
				d.backRefs[to] = append(d.backRefs[to], id)
			}
		}
	}
	return d.backRefs[node]
}

// selection is the part of a document that an input brings.
type selection struct {
	doc *document
	// paths are numbers of doc.paths, ascending.
	paths []int
	// kept are the definitions, by number.
	kept []bool
}

// all is all of a document.
func (d *document) all() selection {
	kept := make([]bool, len(d.names))
	for i := range kept {
		kept[i] = true
	}
	return selection{doc: d, paths: numbers(len(d.paths)), kept: kept}
}

// under is the part of a document that kube-openapi's FilterSpecByPathsWithoutSideEffects leaves for a
// prefix: its paths, the definitions that they lead to, and those that no path of the document leads to.
func (d *document) under(prefix string) selection {
	if d.rest.Paths == nil {
		return d.all()
	}
	first := sort.SearchStrings(d.paths, prefix)
	sel := selection{doc: d, kept: make([]bool, len(d.names))}
	for i := first; i < len(d.paths) && strings.HasPrefix(d.paths[i], prefix); i++ {
		sel.paths = append(sel.paths, i)
	}
	reached := d.reach(sel.paths)
	for i := range sel.kept {
		sel.kept[i] = reached[i] || !d.used[i]
	}
	return sel
}

// only is a selection cut to some of its paths, by the same rule.
func (s selection) only(paths []int) selection {
	before, after := s.doc.reach(s.paths), s.doc.reach(paths)
	kept := make([]bool, len(s.kept))
	for i := range kept {
		kept[i] = s.kept[i] && (after[i] || !before[i])
	}
	return selection{doc: s.doc, paths: paths, kept: kept}
}

// has says whether the selection keeps a definition of the name.
func (s selection) has(name string) bool {
	id, ok := s.doc.ids[name]
	return ok && s.kept[id]
}

// swagger writes a selection out as a document of its own. The error is that of decoding a part.
func (s selection) swagger() (*spec.Swagger, error) {
	out := *s.doc.rest
	if out.Paths == nil {
		return s.doc.Swagger()
	}
	paths := *out.Paths
	paths.Paths = make(map[string]spec.PathItem, len(s.paths))
	for _, i := range s.paths {
		item, err := s.doc.pathItem(i)
		if err != nil {
			return nil, err
		}
		paths.Paths[s.doc.paths[i]] = *item
	}
	out.Paths = &paths
	out.Definitions = spec.Definitions{}
	for id, kept := range s.kept {
		if !kept {
			continue
		}
		schema, err := s.doc.schema(id)
		if err != nil {
			return nil, err
		}
		out.Definitions[s.doc.names[id]] = *schema
	}
	return &out, nil
}
