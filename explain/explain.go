package explain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/proxy"
)

// UnknownError says that there is nothing of a target's name.
type UnknownError struct {
	Target Target
	// Nearest are targets that may have been meant, the nearest first.
	Nearest []string
	// Unread are the targets of the APIServices that may have it, as what would tell was never read: the discovery of their
	// backends for a resource, and else their OpenAPI; sorted by name.
	Unread []string
}

// Error names the target, those that may have been meant, and those that may have it.
func (e *UnknownError) Error() string {
	text := fmt.Sprintf("there is no %s, and nothing with a name like it", e.Target)
	if len(e.Nearest) > 0 {
		text = fmt.Sprintf("there is no %s: did you mean %s?", e.Target, strings.Join(e.Nearest, " or "))
	}
	if len(e.Unread) == 0 {
		return text
	}
	named := strings.Join(e.Unread[:min(len(e.Unread), mostUnread)], ", ")
	if more := len(e.Unread) - mostUnread; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	document := "OpenAPI"
	if e.Target.Kind == KindResource {
		document = "discovery"
	}
	return fmt.Sprintf("%s (the %s of %s was never read, and may have it: explain that to see why)", text, document, named)
}

// Explain says why a target is as it is. A target that there is not is an *UnknownError; a request whose method or path
// is none is another error. ctx bounds nothing but what authorizers do with it.
func Explain(ctx context.Context, r *aggregator.Replay, t Target) (Explanation, error) {
	e := newExplainer(r, t)
	var err error
	switch t.Kind {
	case KindGroup:
		err = e.group()
	case KindVersion:
		err = e.version()
	case KindResource:
		err = e.resource()
	case KindDefinition:
		err = e.definition()
	case KindPath:
		err = e.path()
	case KindAPIService:
		err = e.apiService()
	case KindRequest:
		err = e.request(ctx)
	default:
		err = fmt.Errorf("there is no kind of target %q: write %s", t.Kind, forms)
	}
	if err != nil {
		return Explanation{}, err
	}
	return e.out, nil
}

// explainer makes one explanation.
type explainer struct {
	replay   *aggregator.Replay
	snapshot *aggregator.Snapshot
	target   Target
	services []aggregator.APIServiceView
	out      Explanation
}

func newExplainer(r *aggregator.Replay, t Target) *explainer {
	return &explainer{
		replay: r, snapshot: r.Snapshot, target: t, services: r.Snapshot.APIServices(),
		out: Explanation{Target: t.String(), Decisions: []Decision{}},
	}
}

// add adds decisions that are not there yet.
func (e *explainer) add(decisions ...Decision) {
	for _, d := range decisions {
		if !slices.ContainsFunc(e.out.Decisions, func(o Decision) bool {
			return o.Area == d.Area && o.About == d.About && o.Rule == d.Rule && o.Outcome == d.Outcome && o.Document == d.Document
		}) {
			e.out.Decisions = append(e.out.Decisions, d)
		}
	}
}

func (e *explainer) change(changes ...Change) {
	for _, c := range changes {
		c.Mend += e.madeUp(c.Set)
		if !slices.ContainsFunc(e.out.Changes, func(o Change) bool { return o.Effect == c.Effect && o.Mend == c.Mend }) {
			e.out.Changes = append(e.out.Changes, c)
		}
	}
}

// madeUp says of APIServices whose fields are to be set, and that kagg made up, how to have them as one wants; "" where
// all were written by somebody.
func (e *explainer) madeUp(set []Setting) string {
	for _, s := range set {
		if v := e.service(s.APIService); v != nil && v.Object.Annotations[aggregator.MadeUpAnnotation] != "" {
			return fmt.Sprintf(" (kagg made %s up for the command %s: write it yourself and name its file with -f)", s.APIService, v.Object.Annotations[aggregator.MadeUpAnnotation])
		}
	}
	return ""
}

// service returns the APIService of that name; nil when there is none.
func (e *explainer) service(name string) *aggregator.APIServiceView {
	for i := range e.services {
		if e.services[i].Object.Name == name {
			return &e.services[i]
		}
	}
	return nil
}

// serviceOf returns the APIService of a group-version; nil when there is none.
func (e *explainer) serviceOf(group, version string) *aggregator.APIServiceView {
	return e.service(version + "." + group)
}

// addService tells of an APIService whether it is available and, if not, what is wrong and what mends it.
func (e *explainer) addService(v *aggregator.APIServiceView) {
	if v == nil {
		return
	}
	d := ofAvailability(v)
	if e.unasked(v) {
		d.Outcome = unaskedReason(v)
	}
	e.add(d)
	if v.Condition.Status == apiregistrationv1.ConditionTrue {
		return
	}
	reason, mend := d.Outcome, v.Mend
	switch {
	case v.ResolveErr != nil && mend == "":
		reason = ofResolution(v).Outcome // which ends in the mend
	case e.unasked(v):
		mend = "explain a running kagg, or what kagg merge --record DIR recorded of one, to know what it serves"
	case v.Condition.Reason == availability.ReasonFailedDiscoveryCheck:
		mend = fmt.Sprintf("let %s answer GET %s with 200", v.Backend, availability.Path(v.Object.Spec.Group, v.Object.Spec.Version))
		if v.Mend != "" {
			mend += ": " + v.Mend
		}
	}
	e.trouble(Trouble{Reason: reason, Mend: mend})
}

// unasked tells whether the backend of an APIService could be asked, and there is no kagg that did: there are manifests
// alone.
func (e *explainer) unasked(v *aggregator.APIServiceView) bool {
	r := e.replay.Recording
	alone := len(r.Backends) == 0 && (r.Server == nil || r.Server.Time.IsZero())
	return alone && !v.Local() && v.ResolveErr == nil && v.Condition.Status == apiregistrationv1.ConditionUnknown
}

func unaskedReason(v *aggregator.APIServiceView) string {
	return fmt.Sprintf("%s was not asked whether it serves %s: manifests alone do not tell", v.Backend, groupVersion(v.Object.Spec.Group, v.Object.Spec.Version))
}

func (e *explainer) trouble(t Trouble) {
	if !slices.ContainsFunc(e.out.Troubles, func(o Trouble) bool { return o.Reason == t.Reason && o.Mend == t.Mend }) {
		e.out.Troubles = append(e.out.Troubles, t)
	}
}

func listed(words []string) string { return strings.Join(words, ", ") }

func trimStop(s string) string { return strings.TrimSuffix(s, ".") }

func cause(err error) (*proxy.ResolveError, bool) { return errors.AsType[*proxy.ResolveError](err) }

// groupOf is the name of a target's group as the documents have it.
func (e *explainer) groupOf() string {
	if e.target.Group == coreGroup && !slices.ContainsFunc(e.snapshot.DiscoveryInputs(), func(in discoverymerge.Input) bool { return in.Group == coreGroup }) {
		return ""
	}
	return e.target.Group
}

// groups are all groups that anybody has, sorted.
func (e *explainer) groups() []string {
	inputs, listed := e.snapshot.DiscoveryInputs(), e.snapshot.Discovery().Groups.Groups
	all := make([]string, 0, len(inputs)+len(listed))
	for _, in := range inputs {
		all = append(all, cmp.Or(in.Group, coreGroup))
	}
	for _, g := range listed {
		all = append(all, g.Name)
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}
