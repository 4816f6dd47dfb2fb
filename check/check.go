package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/manifest"
)

// Severity is how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	// SeverityError breaks somebody now.
	SeverityError Severity = "error"
	// SeverityWarning breaks somebody in a cluster, with another client, or later.
	SeverityWarning Severity = "warning"
	// SeverityInfo is worth knowing and may be meant.
	SeverityInfo Severity = "info"
)

// Severities returns all severities, the worst first. The slice is the caller's.
func Severities() []Severity { return []Severity{SeverityError, SeverityWarning, SeverityInfo} }

// AtLeast tells whether s is as bad as limit, or worse.
func (s Severity) AtLeast(limit Severity) bool {
	all := Severities()
	return slices.Index(all, s) <= slices.Index(all, limit)
}

// Area groups checks by what they look at.
type Area string

// The areas, in the order of their codes.
const (
	AreaObjects   Area = "objects"   // KAGG001 to KAGG019
	AreaTrust     Area = "trust"     // KAGG020 to KAGG039
	AreaDiscovery Area = "discovery" // KAGG040 to KAGG059
	AreaOpenAPI   Area = "openapi"   // KAGG060 to KAGG084
	AreaBehaviour Area = "behaviour" // KAGG085 to KAGG099
)

// Check is one thing that can be wrong.
type Check struct {
	// Code is "KAGG" and three digits. It never changes its meaning.
	Code string
	// Name says the same in kebab-case.
	Name     string
	Area     Area
	Severity Severity
	// Title is what is wrong, in one line, in lower case and without a full stop.
	Title string
	// Why says why it matters and who breaks on it, in sentences.
	Why string
	// Mend says what to do, in sentences.
	Mend string
	// Failing and Mended are an example of what fails, and the same mended: files in part, or what a backend answers.
	Failing, Mended string
	// Upstream is where Kubernetes behaves so: package, file and function; "" where it is no matter of its code.
	Upstream string

	// find returns what is wrong, in any order, with Message and Where set, and Mend and Severity where they are others
	// than the check's own. Facts.Replay may be nil.
	find func(Facts) []Finding
}

// Where is the place of a finding. What is not known, or does not apply, is empty.
type Where struct {
	// File and Line are of the object that the finding is about, or of an APIService of Backend; Line counts from 1, 0 is
	// the file as a whole.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// APIService is its name.
	APIService string `json:"apiService,omitempty"`
	// Backend is "namespace/name:port".
	Backend string `json:"backend,omitempty"`
	// Path is the URL path at the backend.
	Path string `json:"path,omitempty"`
	// Object is what in the document at Path: a resource, a definition, a field.
	Object string `json:"object,omitempty"`
}

// Finding is one thing that is wrong at one place.
type Finding struct {
	// Code, Name, Area and Why are the check's.
	Code string `json:"code"`
	Name string `json:"name"`
	Area Area   `json:"area"`
	// Severity is the check's, or less where less is known.
	Severity Severity `json:"severity"`
	// Message says what was found, with the values, in lower case and without a full stop.
	Message string `json:"message"`
	Where   Where  `json:"where"`
	Why     string `json:"why"`
	Mend    string `json:"mend"`
}

// Facts is everything that the checks look at. Nothing in it is changed.
type Facts struct {
	// Replay is the aggregation layer; nil when the objects could not be read.
	Replay *aggregator.Replay
	// Inputs are what the manifest loader refused.
	Inputs []*manifest.Error
	// Live is what was seen of each backend by connecting to it, by "namespace/name:port"; nil where nobody asked.
	Live map[string]*Backend
	// Now is the time that certificates expire by.
	Now time.Time

	// documents are the recorded documents of each backend, read once by Run.
	documents []*documents
}

// Checks returns every check, sorted by code. The slice is the caller's.
func Checks() []Check {
	all := slices.Concat(objectChecks(), trustChecks(), discoveryChecks(), openAPIChecks(), behaviourChecks())
	slices.SortFunc(all, func(a, b Check) int { return cmp.Compare(a.Code, b.Code) })
	return all
}

// Run returns the findings of the given checks, the worst first, then by code, place and message. What only follows from
// another finding is left out, as requests that fail because a certificate is not good. The same facts give the same
// findings. It may take as long as making the merged OpenAPI documents.
func Run(f Facts, checks []Check) []Finding {
	f.documents = readDocuments(f.Replay)
	var all []Finding
	for _, c := range checks {
		for _, found := range c.find(f) {
			found.Code, found.Name, found.Area, found.Why = c.Code, c.Name, c.Area, c.Why
			found.Severity = cmp.Or(found.Severity, c.Severity)
			found.Mend = cmp.Or(found.Mend, c.Mend)
			all = append(all, found)
		}
	}
	all = f.withoutConsequences(all)
	f.placeBackends(all)
	slices.SortFunc(all, compare)
	return slices.Compact(all)
}

func compare(a, b Finding) int {
	severities := Severities()
	return cmp.Or(
		cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Where.File, b.Where.File), cmp.Compare(a.Where.Line, b.Where.Line),
		cmp.Compare(a.Where.Backend, b.Where.Backend), cmp.Compare(a.Where.APIService, b.Where.APIService),
		cmp.Compare(a.Where.Path, b.Where.Path), cmp.Compare(a.Where.Object, b.Where.Object),
		cmp.Compare(a.Message, b.Message),
	)
}

// Select returns the checks with one of the codes in only, all where only is empty, without those in without. Codes
// and names are understood alike. The error names what is neither.
func Select(only, without []string) ([]Check, error) {
	all := Checks()
	for _, word := range slices.Concat(only, without) {
		if !slices.ContainsFunc(all, func(c Check) bool { return c.is(word) }) {
			return nil, fmt.Errorf("no check has the code or name %q: kagg check --list has them all", word)
		}
	}
	return slices.DeleteFunc(all, func(c Check) bool {
		return len(only) > 0 && !slices.ContainsFunc(only, c.is) || slices.ContainsFunc(without, c.is)
	}), nil
}

func (c Check) is(word string) bool { return word == c.Code || word == c.Name }
