package aggregator

import (
	"fmt"
	"maps"
	"slices"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/openapimerge"
)

// eventsBetween says what a person wants to know of the step from one snapshot
// to the next, in the order of the APIServices' names. previous is nil for the
// first.
func eventsBetween(previous, next *Snapshot) []Event {
	if previous == nil {
		previous = &Snapshot{openAPI: &openAPIDocuments{}, Conditions: map[string]apiregistrationv1.APIServiceCondition{}}
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
		if (known && before == after) || next.routeOf(name).target.Local {
			continue
		}
		if e, ok := conditionEvent(name, before, after); ok {
			out = append(out, e)
		}
	}
	return append(out, openAPIEvents(openAPILacks(previous), openAPILacks(next))...)
}

func conditionEvent(name string, before, after apiregistrationv1.APIServiceCondition) (Event, bool) {
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
	return e, before != after
}

// openAPILacks says, for each available backend that has no OpenAPI document,
// why. That of one that is not available follows from that.
func openAPILacks(s *Snapshot) map[string]string {
	lacks := map[string]string{}
	for i := range s.openAPI.remote {
		in := &s.openAPI.remote[i]
		if lack := openAPILack(in); lack != "" && s.Conditions[in.APIService].Status == apiregistrationv1.ConditionTrue {
			lacks[in.Backend] = lack
		}
	}
	return lacks
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

func openAPILack(in *openapimerge.Input) string {
	switch {
	case in.V2 != nil || in.V3 != nil:
		return ""
	case in.V2Failure != "":
		return "OpenAPI could not be read: " + in.V2Failure
	case in.V3Failure != "":
		return "OpenAPI could not be read: " + in.V3Failure
	}
	return "serves no OpenAPI document: kubectl explain and client-side validation know nothing of its kinds"
}
