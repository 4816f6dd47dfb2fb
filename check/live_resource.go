package check

import "slices"

// Resource is how requests for one resource were answered.
type Resource struct {
	GroupVersion string   `json:"groupVersion"`
	Name         string   `json:"name"`
	Kind         string   `json:"kind"`
	Namespaced   bool     `json:"namespaced,omitempty"`
	Verbs        []string `json:"verbs,omitempty"`
	// Path is that of the list over all namespaces.
	Path string `json:"path"`
	// List is the list in full.
	List *List `json:"list,omitempty"`
	// Watch is a watch from the list's resourceVersion, without bookmarks.
	Watch *Watch `json:"watch,omitempty"`
	// InitialEvents is a watch as informers begin one: with sendInitialEvents.
	InitialEvents *Watch `json:"initialEvents,omitempty"`
	// Old is a watch from resourceVersion 1.
	Old *Watch `json:"old,omitempty"`
	// Pages is the list in pages.
	Pages *Pages `json:"pages,omitempty"`
	// Table is the list as kubectl get asks for it.
	Table *Answer `json:"table,omitempty"`
	// DryRun and Strict are objects that were created for trial; nil unless that was allowed.
	DryRun *Trial `json:"dryRun,omitempty"`
	Strict *Trial `json:"strict,omitempty"`
}

// Can tells whether discovery lists the verb.
func (r *Resource) Can(verb string) bool { return slices.Contains(r.Verbs, verb) }

// List is a list in full.
type List struct {
	Answer
	ResourceVersion string `json:"resourceVersion,omitempty"`
	// Items is how many there are. Cut tells that the list was too long to be read: nothing else is known then.
	Items int  `json:"items"`
	Cut   bool `json:"cut,omitempty"`
	// Unversioned are the names of items without a resourceVersion, ten at most.
	Unversioned []string `json:"unversioned,omitempty"`
	// Newer tells whether an item has a resourceVersion that is a number above 1.
	Newer bool `json:"newer,omitempty"`
}

// Watch is the beginning of a watch.
type Watch struct {
	// Query is what was asked for.
	Query string `json:"query"`
	Answer
	// Events are the first, a hundred at most.
	Events []Event `json:"events,omitempty"`
	// Ended tells that the backend ended the stream; Broken why it was no stream of events.
	Ended  bool   `json:"ended,omitempty"`
	Broken string `json:"broken,omitempty"`
}

// Event is one of a watch.
type Event struct {
	Type string `json:"type"`
	// Kind is "apiVersion kind" of the object.
	Kind            string `json:"kind,omitempty"`
	Name            string `json:"name,omitempty"`
	ResourceVersion string `json:"resourceVersion,omitempty"`
	// Listed tells whether the list had the object, with this resourceVersion.
	Listed bool `json:"listed,omitempty"`
	// InitialEventsEnd tells whether the object is annotated so.
	InitialEventsEnd bool `json:"initialEventsEnd,omitempty"`
	// Code is a Status's; 0 on other objects.
	Code int `json:"code,omitempty"`
}

// first returns the first event of the type; nil if there is none.
func (w *Watch) first(eventType string) *Event {
	for i := range w.Events {
		if w.Events[i].Type == eventType {
			return &w.Events[i]
		}
	}
	return nil
}

// Pages is a list that was asked for in pages.
type Pages struct {
	Limit int `json:"limit"`
	// Sizes are how many items each page had.
	Sizes []int `json:"sizes,omitempty"`
	// Complete tells whether the last page said that nothing follows.
	Complete bool `json:"complete,omitempty"`
	// Failed is the answer to the page that was not served; nil when all were.
	Failed *Answer `json:"failed,omitempty"`
	// Repeated are items that came on several pages, Missing those on none that the list had before and after; ten of
	// each at most.
	Repeated []string `json:"repeated,omitempty"`
	Missing  []string `json:"missing,omitempty"`
}

// Trial is an object that was sent with dryRun=All.
type Trial struct {
	// Path and Name are where, and of what name.
	Path string `json:"path"`
	Name string `json:"name"`
	Answer
	// Created tells that it is there all the same; Left that it could not be deleted again.
	Created bool `json:"created,omitempty"`
	Left    bool `json:"left,omitempty"`
}
