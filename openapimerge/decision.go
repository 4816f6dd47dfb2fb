package openapimerge

import (
	"cmp"
	"slices"
)

// Kinds of Subject.
const (
	KindDefinition   = "definition"
	KindPath         = "path"
	KindParameter    = "parameter"
	KindGroupVersion = "groupversion"
	KindBackend      = "backend"
)

// Subject is what a Decision is about.
type Subject struct {
	// Kind is one of the Kind constants.
	Kind string `json:"kind"`
	// Name is the definition's, path's, parameter's, index key's or backend's name.
	Name string `json:"name"`
}

// Party is one side of a decision.
type Party struct {
	APIService string `json:"apiService,omitempty"`
	Backend    string `json:"backend,omitempty"`
}

// Decision is one thing that a merge decided.
type Decision struct {
	Subject Subject `json:"subject"`
	Rule    Rule    `json:"rule"`
	// Outcome is a sentence for people: what became of the subject.
	Outcome string `json:"outcome"`
	// Winner is whose version the result has; zero when nobody's.
	Winner Party `json:"winner,omitzero"`
	// Losers are those whose version was dropped, renamed or found equal, in the order of the merge.
	Losers []Party `json:"losers,omitempty"`
	// Renamed is the name that the losers' definition or parameter has in the result; empty when it was not renamed.
	Renamed string `json:"renamed,omitempty"`
	// Count is how many things the decision sums up; 0 when it is about the one subject.
	Count int `json:"count,omitempty"`
	// Upstream is where the real thing decides the same: file and function.
	Upstream string `json:"upstream"`
	// Quirk names the bug of the real thing that the outcome reproduces, if it does.
	Quirk string `json:"quirk,omitempty"`
	// Diff shows what differs, "-" the winner's lines and "+" the loser's, cut after a few.
	Diff string `json:"diff,omitempty"`
}

// journal collects decisions and joins those of one subject, rule, outcome and winner, so that a hundred
// APIServices of one backend do not say the same thing a hundred times.
type journal struct {
	index map[decisionKey]int
	all   []Decision
}

type decisionKey struct {
	subject Subject
	rule    Rule
	outcome string
	winner  Party
}

func newJournal() *journal { return &journal{index: map[decisionKey]int{}} }

// add records a decision, or adds its losers and count to the one that says the same. It reports whether the
// decision is new, in which case the returned pointer, valid until the next add, may be completed.
func (j *journal) add(d Decision) (*Decision, bool) {
	key := decisionKey{d.Subject, d.Rule, d.Outcome, d.Winner}
	if i, ok := j.index[key]; ok {
		have := &j.all[i]
		have.Count += d.Count
		for _, loser := range d.Losers {
			if len(have.Losers) == 0 || have.Losers[len(have.Losers)-1] != loser {
				have.Losers = append(have.Losers, loser)
			}
		}
		return have, false
	}
	d.Upstream = cmp.Or(d.Upstream, ruleInfo(d.Rule).Upstream)
	j.index[key] = len(j.all)
	j.all = append(j.all, d)
	return &j.all[len(j.all)-1], true
}

// decisions returns what was collected, by kind, name, rule and outcome.
func (j *journal) decisions() []Decision {
	slices.SortStableFunc(j.all, func(a, b Decision) int {
		return cmp.Or(
			cmp.Compare(a.Subject.Kind, b.Subject.Kind), cmp.Compare(a.Subject.Name, b.Subject.Name),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Outcome, b.Outcome),
		)
	})
	return j.all
}
