package aggregator

import (
	"fmt"
	"maps"
	"slices"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// eventsBetween says what a person wants to know of the step from one snapshot
// to the next, in the order of the APIServices' names. previous is nil for the
// first.
func eventsBetween(previous, next *Snapshot) []Event {
	if previous == nil {
		previous = &Snapshot{}
	}
	var out []Event
	for _, name := range slices.Sorted(maps.Keys(previous.Conditions)) {
		if _, ok := next.Conditions[name]; !ok {
			out = append(out, Event{Subject: "apiservice/" + name, Message: "removed"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(next.Conditions)) {
		before, known := previous.Conditions[name]
		after := next.Conditions[name]
		if known && before == after {
			continue
		}
		if next.routeOf(name).target.Local {
			if e, ok := localEvent(name, known, next); ok {
				out = append(out, e)
			}
			continue
		}
		if e, ok := conditionEvent(name, before, after, next.routeOf(name).mend); ok {
			out = append(out, e)
		}
	}
	return append(out, openAPIEvents(previous.lacks, next.lacks)...)
}

// localEvent tells of an APIService without spec.service that nobody serves, and
// of one that had one before. Those that kagg made for itself are no news.
func localEvent(name string, known bool, s *Snapshot) (Event, bool) {
	e := Event{Subject: "apiservice/" + name, Message: "served by kagg itself: it has no spec.service"}
	if !s.served[name] {
		e.Message, e.Warning = "has no spec.service, and kagg does not serve its group and version itself: its requests get 404", true
		return e, true
	}
	return e, known
}

func conditionEvent(name string, before, after apiregistrationv1.APIServiceCondition, mend string) (Event, bool) {
	e := Event{Subject: "apiservice/" + name}
	switch after.Status {
	case apiregistrationv1.ConditionTrue:
		e.Message = "available"
	case apiregistrationv1.ConditionFalse:
		e.Message, e.Warning = fmt.Sprintf("not available: %s: %s", after.Reason, after.Message), true
	case apiregistrationv1.ConditionUnknown:
		if after.Reason == "" {
			return e, false
		}
		e.Message, e.Warning = fmt.Sprintf("unknown: %s: %s", after.Reason, after.Message), true
	default:
		return e, false
	}
	if e.Warning && mend != "" {
		e.Message += ": " + mend
	}
	return e, before != after
}

// openAPIEvents tells of lacks that were not there before.
func openAPIEvents(before, after map[string]string) []Event {
	var out []Event
	for _, backend := range slices.Sorted(maps.Keys(after)) {
		if before[backend] != after[backend] {
			out = append(out, Event{Subject: "backend/" + backend, Message: after[backend]})
		}
	}
	return out
}
