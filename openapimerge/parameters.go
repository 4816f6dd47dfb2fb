package openapimerge

import (
	"fmt"
	"maps"
	"reflect"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// parameter is a shared parameter of the result; its fields are as definition's.
type parameter struct {
	name      string
	value     *spec.Parameter
	owner     *Input
	doc       *document
	id        int
	rewritten bool
}

// mergeParameters decides about every shared parameter of the document, be it used or not: new, shared with
// one of the result, or renamed. Unlike definitions they are compared with references to definitions
// already rewritten. It must come after mergeDefinitions.
func (s *source) mergeParameters() {
	var rewrite *rewriter
	first := len(s.doc.names)
	// Renames of parameters must not show in the comparison, so they are entered when all are known.
	renames := map[int]string{}
	for i, name := range s.doc.paramNames {
		have := s.parameters[name]
		if have == nil {
			s.freshParams = append(s.freshParams, i)
			continue
		}
		own := &s.doc.parameters[i]
		touched := s.touched(s.doc.refs[first+i])
		if touched {
			if rewrite == nil {
				rewrite = newRewriter(s.doc.Document, s.renames)
			}
			rewritten := rewrite.parameter(*own)
			own = &rewritten
		}
		if (!touched && !have.rewritten && have.doc == s.doc && have.id == i) || reflect.DeepEqual(have.value, own) {
			s.tellSharedParameter(have)
			continue
		}
		renames[first+i] = s.renameParameter(i, have, own)
	}
	maps.Copy(s.renames, renames)
}

// renameParameter picks the new name of a parameter whose name is taken, as rename does for definitions.
func (s *source) renameParameter(i int, have *parameter, own *spec.Parameter) string {
	name := s.doc.paramNames[i]
	d := Decision{Subject: Subject{KindParameter, name}, Winner: have.owner.party(), Losers: []Party{s.input.party()},
		Diff: difference(have.value, own)}
	number := 2
	for ; ; number++ {
		other := s.parameters[numberedName(name, number)]
		if other == nil {
			break
		}
		if reflect.DeepEqual(other.value, own) {
			d.Rule, d.Renamed = RuleParameterRenameReused, other.name
			d.Outcome = fmt.Sprintf("%s keeps the name %s of the parameter; the later document's equals %s and becomes that", have.owner.Backend, name, other.name)
			s.journal.add(d)
			return other.name
		}
	}
	newName := numberedName(name, number)
	for s.takenParameter(newName) {
		number++
		newName = numberedName(name, number)
	}
	d.Rule, d.Renamed = RuleParameterRenamed, newName
	d.Outcome = fmt.Sprintf("%s keeps the name %s of the parameter; the later document's becomes %s", have.owner.Backend, name, newName)
	s.journal.add(d)
	s.freshParams = append(s.freshParams, i)
	return newName
}

func (s *source) takenParameter(name string) bool {
	_, inDocument := s.doc.paramIDs[name]
	return inDocument || s.parameters[name] != nil
}

func (s *source) tellSharedParameter(have *parameter) {
	if have.owner.V2 == s.input.V2 {
		return
	}
	s.journal.add(Decision{Subject: Subject{KindBackend, s.input.Backend}, Rule: RuleParameterShared, Losers: []Party{{Backend: s.input.Backend}},
		Count: 1, Outcome: "shared parameters of " + s.input.Backend + " equal earlier documents' and are shared with them"})
}
