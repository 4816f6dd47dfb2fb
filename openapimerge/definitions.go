package openapimerge

import (
	"fmt"
	"maps"
	"slices"
)

// chain are the definitions of the result called <name>_v2, <name>_v3 and so on, up to the first gap. When
// a hundred APIServices each bring their own, looking through all of them for each would be a square.
type chain struct {
	// next is the number of the gap.
	next   int
	byHash map[uint64][]*definition
	// rewritten are those whose references were rewritten, by the hash that they had before.
	rewritten map[uint64]*definition
}

// extend takes in what the result has by now.
func (c *chain) extend(name string, definitions map[string]*definition) {
	for {
		def := definitions[numberedName(name, c.next)]
		if def == nil {
			return
		}
		c.byHash[def.fingerprint()] = append(c.byHash[def.fingerprint()], def)
		if def.rewritten != nil {
			c.rewritten[def.doc.hashes[def.id]] = def
		}
		c.next++
	}
}

// source is one input while it is merged.
type source struct {
	*merger2
	input *Input
	selection
	// renames are the new names of nodes of the document.
	renames map[int]string
	// fresh are the definitions that the result does not have yet, by number.
	fresh []int
	// freshParams are the shared parameters that it does not have yet, by number.
	freshParams []int
}

// match is a definition of the source that the result has already, under the same name or a new one.
type match struct {
	id   int
	have *definition
}

// mergeDefinitions decides about every definition: new, shared with one of the result, or renamed.
func (s *source) mergeDefinitions() error {
	var same, reused []match
	for id, kept := range s.kept {
		if !kept || s.doc.settled[id] {
			continue
		}
		have := s.definitions[s.doc.names[id]]
		switch {
		case have == nil:
			s.fresh = append(s.fresh, id)
		case have.is(s.doc, id):
			same = append(same, match{id, have})
		default:
			if renamed := s.rename(id, have); renamed != nil {
				reused = append(reused, match{id, renamed})
			}
		}
	}
	for _, m := range same {
		if err := s.unite(m); err != nil {
			return err
		}
		s.tellShared(m)
		s.doc.settled[m.id] = m.have.unchanged(s.doc, m.id) && (m.have.gvks.entries != nil || !m.have.gvks.found)
	}
	s.tellMisreferring()
	for _, m := range reused {
		// A definition that the document itself calls by the new name stands for both; upstream takes one
		// of the two by the order of a map.
		if s.has(m.have.name) && s.renames[s.doc.ids[m.have.name]] == "" {
			continue
		}
		if err := s.unite(m); err != nil {
			return err
		}
	}
	return nil
}

// rename gives a definition whose name is taken a new one: that of an equal one which was renamed before,
// and which it returns, or one that neither the result nor the document has.
func (s *source) rename(id int, have *definition) *definition {
	name := s.doc.names[id]
	c := s.chains[name]
	if c == nil {
		c = &chain{next: 2, byHash: map[uint64][]*definition{}, rewritten: map[uint64]*definition{}}
		s.chains[name] = c
	}
	c.extend(name, s.definitions)
	for _, def := range c.byHash[s.doc.hashes[id]] {
		if def.is(s.doc, id) {
			s.renames[id] = def.name
			s.tellRenamed(id, have, def.name, RuleDefinitionRenameReused, "")
			return def
		}
	}
	number := c.next
	newName := numberedName(name, number)
	for s.definitions[newName] != nil || s.has(newName) {
		number++
		newName = numberedName(name, number)
	}
	s.renames[id] = newName
	s.fresh = append(s.fresh, id)
	quirk := ""
	if earlier := c.rewritten[s.doc.hashes[id]]; have.rewrittenFrom(s.doc, id) || (earlier != nil && earlier.rewrittenFrom(s.doc, id)) {
		quirk = QuirkComparedAsWritten
	}
	s.tellRenamed(id, have, newName, RuleDefinitionRenamed, quirk)
	return nil
}

func numberedName(name string, number int) string { return fmt.Sprintf("%s_v%d", name, number) }

// unite adds the group-version-kinds of a definition to those of the one that it is shared with.
func (s *source) unite(m match) error {
	added, err := m.have.gvks.unite(s.doc.gvks[m.id])
	if err == nil && len(added) == 0 {
		return nil
	}
	d := Decision{Subject: Subject{KindDefinition, m.have.name}, Rule: RuleDefinitionGVKsUnited,
		Winner: m.have.owner.party(), Losers: []Party{s.input.party()}}
	if err != nil {
		d.Rule, d.Outcome, d.Quirk = RuleDefinitionGVKsBroken, fmt.Sprintf("the whole merge fails at the definition %s: %v", m.have.name, err), QuirkMalformedGVKsFail
		if !s.quirks.MalformedGVKsFail {
			d.Outcome, d.Quirk, err = fmt.Sprintf("%s keeps its earlier group-version-kinds: %v", m.have.name, err), "", nil
		}
		s.journal.add(d)
		if err != nil {
			return fmt.Errorf("definition %s, shared with %s: %w", m.have.name, m.have.owner.APIService, err)
		}
		return nil
	}
	d.Outcome = m.have.name + " is shared; added to its group-version-kinds: " + listed(added)
	if !m.have.gvks.extended {
		d.Outcome += "; the kube-aggregator panics here, because the earlier definition has no extensions at all"
	}
	s.journal.add(d)
	return nil
}

// copy brings what is new into the result.
func (s *source) copy() {
	rewriter := newRewriter(s.doc.Document, s.renames)
	for _, id := range s.fresh {
		def := &definition{name: s.doc.names[id], gvks: s.doc.gvks[id], owner: s.input, doc: s.doc, id: id}
		if name := s.renames[id]; name != "" {
			def.name = name
		}
		if s.touched(s.doc.refs[id]) {
			s.rewriteDefinition(rewriter, def)
		}
		s.definitions[def.name] = def
	}
	first := len(s.doc.names)
	for _, i := range s.freshParams {
		param := &parameter{name: s.doc.paramNames[i], value: &s.doc.parameters[i], owner: s.input, doc: s.doc, id: i}
		if name := s.renames[first+i]; name != "" {
			param.name = name
		}
		if s.touched(s.doc.refs[first+i]) {
			rewritten := rewriter.parameter(*param.value)
			param.value, param.rewritten = &rewritten, true
		}
		s.parameters[param.name] = param
	}
	for _, i := range s.selection.paths {
		entry := pathEntry{owner: s.input, doc: s.doc.Document, number: i}
		if s.touched(s.doc.pathRefs[i]) {
			entry.rewritten = s.rewritePath(rewriter, i)
		}
		s.merger2.paths[s.doc.paths[i]] = entry
	}
}

// touched says whether one of the nodes is renamed.
func (s *source) touched(nodes []int) bool {
	if len(s.renames) == 0 {
		return false
	}
	for _, node := range nodes {
		if s.renames[node] != "" {
			return true
		}
	}
	return false
}

// diffKey names a pair of definitions by the one that keeps the name and the fingerprint of the other.
type diffKey struct {
	have *definition
	hash uint64
}

// knownDiff is a diff with what it was made of, for fingerprints may collide.
type knownDiff struct {
	doc  *document
	id   int
	diff string
}

// diff tells a definition of the document from the result's of that name. A hundred backends built from
// the same sources have the same difference, and writing it down is the dearest step of a merge.
func (s *source) diff(id int, have *definition) string {
	key := diffKey{have, s.doc.hashes[id]}
	if known, ok := s.diffs[key]; ok && sameDefinition(known.doc.Document, known.id, s.doc.Document, id) {
		return known.diff
	}
	diff := definitionDifference(have, s.doc.Document, id)
	s.diffs[key] = knownDiff{s.doc, id, diff}
	return diff
}

func (s *source) tellRenamed(id int, have *definition, name string, rule Rule, quirk string) {
	d := Decision{Subject: Subject{KindDefinition, s.doc.names[id]}, Rule: rule, Winner: have.owner.party(), Losers: []Party{s.input.party()},
		Quirk: quirk, Renamed: name,
		Outcome: fmt.Sprintf("%s keeps the name %s; the later document's becomes %s", have.owner.Backend, s.doc.names[id], name)}
	if rule == RuleDefinitionRenameReused {
		d.Outcome = fmt.Sprintf("%s keeps the name %s; the later document's equals %s and becomes that", have.owner.Backend, s.doc.names[id], name)
	}
	if added, isNew := s.journal.add(d); isNew {
		added.Diff = s.diff(id, have)
	}
}

// tellShared tells of definitions that another document brought as well.
func (s *source) tellShared(m match) {
	if m.have.owner.V2 == s.input.V2 || s.doc.counted[m.id] {
		return
	}
	s.doc.counted[m.id] = true
	m.have.sharers = append(m.have.sharers, s.input)
	s.journal.add(Decision{Subject: Subject{KindBackend, s.input.Backend}, Rule: RuleDefinitionShared, Losers: []Party{{Backend: s.input.Backend}},
		Count: 1, Outcome: "definitions of " + s.input.Backend + " equal earlier documents' and are shared with them"})
}

// tellMisreferring tells of shared definitions that refer to one which had to be renamed.
func (s *source) tellMisreferring() {
	for _, node := range slices.Sorted(maps.Keys(s.renames)) {
		for _, id := range s.doc.referrers(node) {
			have := s.definitions[s.doc.names[id]]
			if !s.kept[id] || s.renames[id] != "" || have == nil {
				continue
			}
			s.journal.add(Decision{Subject: Subject{KindDefinition, have.name}, Rule: RuleDefinitionMisreferring, Quirk: QuirkComparedAsWritten,
				Winner: have.owner.party(), Losers: []Party{s.input.party()},
				Outcome: fmt.Sprintf("%s is shared as it is the same as written, but its %s is the earlier document's and not this one's, which became %s",
					have.name, s.doc.names[node], s.renames[node])})
		}
	}
}
