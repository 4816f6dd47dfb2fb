package informers

import (
	"fmt"
	"maps"
	"slices"
)

// State is what a server holds: by resource, such as "deployments.v1.apps", and
// then by key, such as "default/web", the resourceVersion.
type State map[string]map[string]string

// Request asks the informers to wait until their stores hold exactly Want.
type Request struct {
	// Want is the wanted state of every resource.
	Want State `json:"want"`
	// TimeoutSeconds is how long to wait before the differences are told.
	TimeoutSeconds float64 `json:"timeoutSeconds"`
}

// Answer tells how a Request ended.
type Answer struct {
	// ClientGo is the version of client-go that the program is made of.
	ClientGo string `json:"clientGo"`
	// Informers is the number of informers.
	Informers int `json:"informers"`
	// Lists is the number of complete states that were read since the start: of
	// LISTs, and of WATCHes that began with the initial events.
	Lists int64 `json:"lists"`
	// StreamedLists is how many of Lists were WATCHes.
	StreamedLists int64 `json:"streamedLists"`
	// ContentTypes are the media types of the answers so far, each once, sorted.
	ContentTypes []string `json:"contentTypes"`
	// Differences name what is missing, extra or stale in which informer; none when
	// all is as wanted.
	Differences []string `json:"differences"`
}

// Diff names what is missing, extra or stale in got, sorted, each line beginning
// with name. It returns nil when nothing is.
func Diff(name string, want, got map[string]string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		switch version, ok := got[key]; {
		case !ok:
			out = append(out, fmt.Sprintf("%s: %s is missing", name, key))
		case version != want[key]:
			out = append(out, fmt.Sprintf("%s: %s has resourceVersion %s, %s was wanted", name, key, version, want[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			out = append(out, fmt.Sprintf("%s: %s should not be there", name, key))
		}
	}
	return out
}
