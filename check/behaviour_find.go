package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// eachBehaviour makes a find of what looks at one resource. It gives messages.
func eachBehaviour(look func(*Resource) []string) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		for _, b := range f.live() {
			if !b.believed() {
				continue
			}
			for i := range b.Resources {
				r := &b.Resources[i]
				for _, message := range look(r) {
					out = append(out, Finding{Message: message, Where: b.where(r.Path, r.Name)})
				}
			}
		}
		return out
	}
}

// how says what was answered.
func (a *Answer) how() string {
	if a.Failure != "" {
		return "is not answered: " + a.Failure
	}
	how := fmt.Sprintf("is answered with %d", a.Status)
	if a.Message != "" {
		how += ": " + a.Message
	}
	return how
}

// failed tells whether the request was not served, for another reason than who asked.
func (a *Answer) failed() bool { return a != nil && !a.OK() && !a.Refused() }

func findListFails(r *Resource) []string {
	if r.List == nil || !r.List.failed() {
		return nil
	}
	return []string{"the list " + r.List.how()}
}

// versioned tells whether the resource can be watched, and its list could be read.
func (r *Resource) versioned() bool {
	return r.Can("watch") && r.List != nil && r.List.OK() && !r.List.Cut
}

func findListVersion(r *Resource) []string {
	if !r.versioned() || r.List.ResourceVersion != "" {
		return nil
	}
	return []string{"the list has no metadata.resourceVersion"}
}

func findItemVersions(r *Resource) []string {
	if !r.versioned() || len(r.List.Unversioned) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("of the list's %d items these have no metadata.resourceVersion: %s", r.List.Items, quoted(r.List.Unversioned, ""))}
}

func findPages(r *Resource) []string {
	p := r.Pages
	if p == nil {
		return nil
	}
	var out []string
	if a := p.Failed; a.failed() && a.Status != statusGone {
		out = append(out, fmt.Sprintf("page %d of the list with limit=%d %s", len(p.Sizes)+1, p.Limit, a.how()))
	}
	if len(p.Repeated) > 0 {
		out = append(out, fmt.Sprintf("with limit=%d these items are on several pages: %s", p.Limit, quoted(p.Repeated, "")))
	}
	if len(p.Missing) > 0 {
		out = append(out, fmt.Sprintf("with limit=%d these items are on no page: %s", p.Limit, quoted(p.Missing, "")))
	}
	return out
}

func findLimitIgnored(r *Resource) []string {
	if r.Pages == nil || len(r.Pages.Sizes) == 0 || r.Pages.Sizes[0] <= r.Pages.Limit {
		return nil
	}
	return []string{fmt.Sprintf("the list with limit=%d has %d items", r.Pages.Limit, r.Pages.Sizes[0])}
}

// refusal says why a watch is none; "" when it is one.
func (w *Watch) refusal() string {
	switch {
	case w == nil || w.Hung || w.Refused():
		return ""
	case w.failed():
		return w.how()
	case w.Broken != "":
		return "gives " + w.Broken
	}
	if e := w.first("ERROR"); e != nil {
		return fmt.Sprintf("begins with an ERROR event of code %d", e.Code)
	}
	return ""
}

func findWatchRefused(r *Resource) []string {
	if why := r.Watch.refusal(); why != "" {
		return []string{fmt.Sprintf("a watch from the list's resourceVersion %s", why)}
	}
	// Without a version to watch from, only an answer that says so tells that nothing can be watched.
	if w := r.InitialEvents; r.Watch == nil && w != nil && (w.Status == statusNotFound || w.Status == statusMethodNotAllowed) {
		return []string{"a watch " + w.how()}
	}
	return nil
}

func findWatchSilent(r *Resource) []string {
	if r.Watch == nil || !r.Watch.Hung {
		return nil
	}
	return []string{"a watch from the list's resourceVersion gives " + r.Watch.Failure}
}

func findWatchReplays(r *Resource) []string {
	if r.Watch == nil {
		return nil
	}
	var names []string
	for _, e := range r.Watch.Events {
		if e.Listed && e.Type != "BOOKMARK" && e.Type != "DELETED" && len(names) < 10 {
			names = append(names, e.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{"a watch from the list's resourceVersion gives these once more, unchanged: " + quoted(names, "")}
}

func findInitialEvents(r *Resource) []string {
	w := r.InitialEvents
	if w == nil || w.Failure != "" && !w.Hung || w.failed() && !w.Hung || w.Refused() || w.Broken != "" {
		return nil
	}
	// What is wrong with every watch is said of every watch.
	if r.Watch.refusal() != "" || r.Watch != nil && r.Watch.Hung {
		return nil
	}
	if w.first("ERROR") != nil || slices.ContainsFunc(w.Events, func(e Event) bool { return e.InitialEventsEnd }) {
		return nil
	}
	how := "no bookmark follows"
	if w.Ended {
		how = "the stream ends"
	}
	return []string{fmt.Sprintf("a watch with sendInitialEvents=true is accepted, and after %d events %s", len(w.Events), how)}
}

func findBookmarks(r *Resource) []string {
	var out []string
	if r.Watch != nil && r.Watch.first("BOOKMARK") != nil {
		out = append(out, "a watch without allowWatchBookmarks gives a bookmark")
	}
	if r.InitialEvents == nil {
		return out
	}
	for _, e := range r.InitialEvents.Events {
		if e.Type != "BOOKMARK" {
			continue
		}
		if want := r.GroupVersion + " " + r.Kind; r.Kind != "" && e.Kind != want {
			out = append(out, fmt.Sprintf("a bookmark is a %q and not a %q", cmp.Or(e.Kind, "nothing"), want))
		}
		if e.ResourceVersion == "" {
			out = append(out, "a bookmark has no metadata.resourceVersion")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func findOldVersion(r *Resource) []string {
	w := r.Old
	if w == nil || !w.OK() || w.Broken != "" || len(w.Events) > 0 || r.Watch.refusal() != "" {
		return nil
	}
	return []string{"a watch from resourceVersion 1 gives nothing, though the list has objects of later versions"}
}

func findNoTable(r *Resource) []string {
	if !r.Table.OK() || strings.HasSuffix(r.Table.Kind, " Table") {
		return nil
	}
	return []string{fmt.Sprintf("asked for a table, the backend gives a %q", r.Table.Kind)}
}

func findTableRefused(r *Resource) []string {
	if r.List == nil || !r.List.OK() || !r.Table.failed() {
		return nil
	}
	return []string{"the list as kubectl get asks for it " + r.Table.how()}
}

func findDryRun(r *Resource) []string {
	var out []string
	for _, t := range []*Trial{r.DryRun, r.Strict} {
		switch {
		case t == nil || !t.Created:
		case t.Left:
			out = append(out, fmt.Sprintf("%s/%s was created, and could not be deleted again: delete it", t.Path, t.Name))
		default:
			out = append(out, "an object that was sent to "+t.Path+" was created (it is deleted again)")
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func findStrict(r *Resource) []string {
	if r.Strict == nil || !r.Strict.OK() {
		return nil
	}
	return []string{fmt.Sprintf("an object with the field kaggCheckUnknownField is answered with %d", r.Strict.Status)}
}
