package openapimerge

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// V2Result is what MergeV2 makes. It shares structure with the inputs.
type V2Result struct {
	// ETag stands for the documents that were merged, in order; it is the kube-aggregator's own key for the
	// merged document, which no client sees.
	ETag string
	// Decisions are sorted by subject.
	Decisions []Decision

	// rest is the merged document but for its paths and definitions; nil only with an error.
	rest        *spec.Swagger
	paths       map[string]pathEntry
	definitions map[string]*definition
}

// merger2 is the state of one MergeV2: the result as it grows.
type merger2 struct {
	quirks  Quirks
	journal *journal
	// earlier is the result that parts may be taken from.
	earlier V2Result
	docs    map[*Document]*document
	// order are the documents as they first came.
	order []*document

	base        *Input
	etags       []string
	hasPaths    bool
	paths       map[string]pathEntry
	definitions map[string]*definition
	chains      map[string]*chain
	parameters  map[string]*parameter
	diffs       map[diffKey]knownDiff
}

// pathEntry is a path of the result: one of a document, and where references in it were changed since, what it is now.
type pathEntry struct {
	owner     *Input
	doc       *Document
	number    int
	rewritten *rewritten
}

// item decodes the path.
func (e pathEntry) item() (*spec.PathItem, error) {
	if e.rewritten != nil {
		return decodePathItem(e.rewritten.json, e.doc.paths[e.number])
	}
	return e.doc.pathItem(e.number)
}

// json encodes it.
func (e pathEntry) json() (json.RawMessage, error) {
	if e.rewritten != nil {
		return e.rewritten.json, nil
	}
	return e.doc.pathJSON(e.number)
}

// MergeV2 merges OpenAPI v2 documents as the kube-aggregator does: in order of priority, each but the local
// ones cut to the paths of its group-version; a path that is taken is dropped, and a definition or shared
// parameter whose name is taken by a different one is renamed _v2, _v3 and so on, with all references to it.
// Info and the like are the first document's. Without any document the result is an empty one.
//
// The error is one that fails the kube-aggregator's merge as well, and then its whole /openapi/v2; the
// decisions up to it, the last one about it included, come with it. See Quirks.
func MergeV2(in []Input, q Quirks) (V2Result, error) {
	return MergeV2After(V2Result{}, in, q)
}

// MergeV2After is MergeV2 where an earlier result is at hand, of any inputs: what has to be done to a document's paths
// and definitions as it was done there is taken from it. The result is the same.
func MergeV2After(earlier V2Result, in []Input, q Quirks) (V2Result, error) {
	m := &merger2{
		quirks: q, journal: newJournal(), earlier: earlier, docs: map[*Document]*document{},
		paths: map[string]pathEntry{}, definitions: map[string]*definition{}, chains: map[string]*chain{},
		parameters: map[string]*parameter{}, diffs: map[diffKey]knownDiff{}, etags: []string{},
	}
	order := sorted(in, q)
	m.tellVersionOrder(order)
	for _, input := range order {
		if err := m.absorb(input); err != nil {
			return V2Result{Decisions: m.journal.decisions()}, fmt.Errorf("merge OpenAPI v2 document of %s from %s: %w", input.APIService, input.Backend, err)
		}
	}
	m.tellDocuments()
	return V2Result{
		ETag:      fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%#v", m.etags))),
		Decisions: m.journal.decisions(),
		rest:      m.rest(), paths: m.paths, definitions: m.definitions,
	}, nil
}

// absorb merges one input.
func (m *merger2) absorb(input *Input) error {
	if input.V2 == nil {
		d := Decision{Subject: Subject{KindBackend, input.Backend}, Rule: RuleV2None, Losers: []Party{input.party()},
			Outcome: input.Backend + " is left out of the merged OpenAPI v2 document: it serves no /openapi/v2"}
		if input.V2Failure != "" {
			d.Rule, d.Outcome = RuleV2Failed, input.Backend+" is left out of the merged OpenAPI v2 document: "+input.V2Failure
		}
		m.journal.add(d)
		return nil
	}
	doc := m.docs[input.V2]
	if doc == nil {
		doc = newDocument(input.V2, input.Backend)
		m.docs[input.V2] = doc
		m.order = append(m.order, doc)
	}
	var sel selection
	if input.Local {
		sel = doc.all()
		doc.local = true
	} else {
		sel = doc.under("/apis/" + input.Group + "/" + input.Version + "/")
	}
	if m.base == nil {
		m.base = input
	}
	m.etags = append(m.etags, input.V2ETag)
	if doc.rest.Paths != nil {
		m.hasPaths = true
	}
	for _, i := range sel.paths {
		doc.taken[i] = true
	}
	sel, err := m.dropTaken(input, sel)
	if err != nil || len(sel.paths) == 0 {
		return err
	}
	s := &source{merger2: m, input: input, selection: sel, renames: map[int]string{}}
	if err := s.mergeDefinitions(); err != nil {
		return err
	}
	s.mergeParameters()
	s.copy()
	return nil
}

// dropTaken cuts a selection to the paths that no earlier document brought.
func (m *merger2) dropTaken(input *Input, sel selection) (selection, error) {
	if len(sel.paths) == 0 {
		m.journal.add(Decision{Subject: Subject{KindBackend, input.Backend}, Rule: RuleV2NoPaths, Losers: []Party{input.party()},
			Outcome: "the document of " + input.Backend + " has no paths of the group-version: it brings nothing, its definitions included"})
		return sel, nil
	}
	var free, taken []int
	for _, i := range sel.paths {
		if _, ok := m.paths[sel.doc.paths[i]]; ok {
			taken = append(taken, i)
		} else {
			free = append(free, i)
		}
	}
	if len(taken) == 0 {
		return sel, nil
	}
	for _, i := range taken {
		m.tellTaken(input, sel.doc, i)
	}
	if len(free) == 0 {
		sel.paths = nil
		return sel, nil
	}
	if m.quirks.PathConflictByPrefix {
		if err := m.checkPrefixes(input, sel.doc, free, taken); err != nil {
			return sel, err
		}
	}
	return sel.only(free), nil
}

func (m *merger2) tellTaken(input *Input, doc *document, i int) {
	name := doc.paths[i]
	have := m.paths[name]
	d := Decision{Subject: Subject{KindPath, name}, Rule: RulePathConflict, Winner: have.owner.party(), Losers: []Party{input.party()},
		Outcome: fmt.Sprintf("%s is that of %s; the later document's, which is the same as written, is dropped", name, have.owner.Backend)}
	if diff := pathDifference(have, pathEntry{doc: doc.Document, number: i}); diff != "" {
		d.Outcome, d.Diff = fmt.Sprintf("%s is that of %s; the later document's, which differs, is dropped", name, have.owner.Backend), diff
	}
	m.journal.add(d)
}

// checkPrefixes fails when a taken path begins with a free one: kube-openapi picks the free ones by prefix,
// so that the taken one stays in, and then finds it twice.
func (m *merger2) checkPrefixes(input *Input, doc *document, free, taken []int) error {
	names := make(map[string]bool, len(free))
	for _, i := range free {
		names[doc.paths[i]] = true
	}
	for _, i := range taken {
		name := doc.paths[i]
		for end := range name {
			if !names[name[:end]] {
				continue
			}
			m.journal.add(Decision{Subject: Subject{KindPath, name}, Rule: RulePathPrefixConflict, Quirk: QuirkPathConflictByPrefix,
				Winner: m.paths[name].owner.party(), Losers: []Party{input.party()},
				Outcome: fmt.Sprintf("the whole merge fails: the path %s is taken and begins with %s, which is not", name, name[:end])})
			return fmt.Errorf("duplicated path %s: the kube-aggregator cannot drop it in favour of the one from %s, because the document's own path %s, a prefix of it, is kept; serve both or neither",
				name, m.paths[name].owner.APIService, name[:end])
		}
	}
	return nil
}

// pathDifference is the difference between two paths; there is none to one that cannot be encoded.
func pathDifference(winner, loser pathEntry) string {
	left, err := winner.json()
	if err != nil {
		return ""
	}
	right, err := loser.json()
	if err != nil || bytes.Equal(left, right) {
		return ""
	}
	return difference(left, right)
}

// rest writes the result out, but for paths and definitions.
func (m *merger2) rest() *spec.Swagger {
	if m.base == nil {
		return emptyV2()
	}
	out := *m.base.V2.rest
	out.Paths, out.Parameters = nil, nil
	if m.hasPaths {
		out.Paths = &spec.Paths{}
	}
	if len(m.parameters) > 0 {
		out.Parameters = make(map[string]spec.Parameter, len(m.parameters))
		for name, param := range m.parameters {
			out.Parameters[name] = *param.value
		}
	}
	return &out
}

// emptyV2 is the document of an API without any.
func emptyV2() *spec.Swagger {
	return &spec.Swagger{SwaggerProps: spec.SwaggerProps{
		Swagger: "2.0",
		Info:    &spec.Info{InfoProps: spec.InfoProps{Title: "Kubernetes", Version: "unversioned"}},
		Paths:   &spec.Paths{},
	}}
}

// tellVersionOrder tells of groups whose versions are merged in another order than their priorities have it.
func (m *merger2) tellVersionOrder(order []*Input) {
	if !m.quirks.VersionPriorityIgnored {
		return
	}
	versions := map[string][]*Input{}
	for _, input := range order {
		if !input.Local {
			versions[input.Group] = append(versions[input.Group], input)
		}
	}
	for group, inputs := range versions {
		if slices.IsSortedFunc(inputs, func(a, b *Input) int { return cmp.Compare(b.VersionPriority, a.VersionPriority) }) {
			continue
		}
		d := Decision{Subject: Subject{KindGroupVersion, group}, Rule: RuleVersionOrder, Quirk: QuirkVersionPriorityIgnored, Winner: inputs[0].party()}
		names := make([]string, len(inputs))
		for i, input := range inputs {
			names[i] = input.Version
			if i > 0 {
				d.Losers = append(d.Losers, input.party())
			}
		}
		d.Outcome = fmt.Sprintf("the versions of %s are merged in order of their names: %s; the versionPriorities say otherwise", group, strings.Join(names, ", "))
		m.journal.add(d)
	}
}

// tellDocuments tells what became of the documents as a whole.
func (m *merger2) tellDocuments() {
	for _, doc := range m.order {
		backend := Subject{KindBackend, doc.backend}
		if m.base != nil && doc.Document == m.base.V2 {
			m.journal.add(Decision{Subject: backend, Rule: RuleV2Base, Winner: m.base.party(), Quirk: QuirkFirstDocumentOnly,
				Outcome: doc.backend + " gives the merged document its info, tags, security, shared responses and extensions; those of all others are dropped"})
		}
		if doc.local {
			continue
		}
		left, sample := 0, ""
		for i, taken := range doc.taken {
			if !taken {
				if left++; left == 1 {
					sample = doc.paths[i]
				}
			}
		}
		if left > 0 {
			m.journal.add(Decision{Subject: backend, Rule: RulePathFiltered, Losers: []Party{{Backend: doc.backend}}, Count: left,
				Outcome: fmt.Sprintf("paths of %s outside its APIServices' group-versions are left out (for example: %s)", doc.backend, sample)})
		}
	}
}

// filterV2 cuts a document to a path prefix, as kube-openapi's FilterSpecByPathsWithoutSideEffects does. The error is
// that of decoding a path.
func filterV2(doc *Document, prefix string) (*spec.Swagger, error) {
	return newDocument(doc, "").under(prefix).swagger()
}
