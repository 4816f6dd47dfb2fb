package discoverymerge

// SubjectKind says what a Decision is about.
type SubjectKind string

const (
	// SubjectGroup is an API group; Subject.Group is set.
	SubjectGroup SubjectKind = "group"
	// SubjectVersion is a group-version; Subject.Group and Subject.Version are set.
	SubjectVersion SubjectKind = "version"
	// SubjectResource is a name that a client may type for a resource; Subject.Resource is set.
	SubjectResource SubjectKind = "resource"
)

// Subject is what a Decision is about.
type Subject struct {
	Kind    SubjectKind `json:"kind"`
	Group   string      `json:"group,omitempty"`
	Version string      `json:"version,omitempty"`
	// Resource is a plural, a singular or a short name, as a client would type it.
	Resource string `json:"resource,omitempty"`
}

// Document names the document that a Decision is about.
type Document string

const (
	// DocumentBoth is both documents, or neither of them in particular.
	DocumentBoth Document = ""
	// DocumentAggregated is the APIGroupDiscoveryList at /apis.
	DocumentAggregated Document = "aggregated"
	// DocumentUnaggregated is the APIGroupList at /apis, and the APIGroup at /apis/<group>.
	DocumentUnaggregated Document = "unaggregated"
)

// Party is one who took part in a Decision.
type Party struct {
	// APIService is the name of the APIService, empty for what only the delegate knows of.
	APIService string `json:"apiService,omitempty"`
	Group      string `json:"group,omitempty"`
	Version    string `json:"version,omitempty"`
	Resource   string `json:"resource,omitempty"`
	// Backend is Input.Backend.
	Backend string `json:"backend,omitempty"`
	// Value is what the rule compared, with its name: "groupPriorityMinimum 2000", "source builtin".
	Value string `json:"value,omitempty"`
	// Margin is by how much a loser lost, in the unit of Value: priority points, or places in the order. It is
	// 0 for the winner, for ties, and where there is nothing to count.
	Margin int64 `json:"margin,omitempty"`
}

// Decision is one thing that the merge decided, and why.
type Decision struct {
	Subject  Subject  `json:"subject"`
	Rule     Rule     `json:"rule"`
	Document Document `json:"document,omitempty"`
	// Outcome is one sentence for a person, in lower case and without a full stop.
	Outcome string `json:"outcome"`
	// Winner is the party that the outcome favours, or the only one concerned.
	Winner Party `json:"winner,omitzero"`
	// Losers are the others, in the order of the document or, where they are in none, of group, version and
	// source.
	Losers []Party `json:"losers,omitempty"`
	// Upstream is the file and the function that decide the same in Kubernetes, RuleInfo.Upstream of Rule.
	Upstream string `json:"upstream"`
	// Quirk is the field of Quirks without which the outcome were another, or empty.
	Quirk string `json:"quirk,omitempty"`
}

// recorder collects the decisions of one Merge. Where there is none, nobody asks for them.
type recorder struct {
	decisions []Decision
}

// add appends a decision and fills in where upstream decides the same.
func (r *recorder) add(d Decision) {
	d.Upstream = upstreamOf(d.Rule)
	r.decisions = append(r.decisions, d)
}

func groupSubject(group string) Subject {
	return Subject{Kind: SubjectGroup, Group: group}
}

func versionSubject(in *Input) Subject {
	return Subject{Kind: SubjectVersion, Group: in.Group, Version: in.Version}
}

// inputParty is the party of an input, with no value yet.
func inputParty(in *Input) Party {
	return Party{APIService: in.APIService, Group: in.Group, Version: in.Version, Backend: in.Backend}
}
