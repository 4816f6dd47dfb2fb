package delegate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// Remains is what an attempt to empty a namespace left in it. The zero value: nothing. It is not safe for
// concurrent use.
type Remains struct {
	// Unknown are the group versions whose resources are not known, and why. Best a
	// *discovery.ErrGroupDiscoveryFailed.
	Unknown error
	// Unreadable says which group versions have names that cannot be read.
	Unreadable error
	// Failures say what could not be deleted.
	Failures []error
	// Objects are how many objects are left of each resource.
	Objects map[schema.GroupVersionResource]int
	// Finalizers are how many of them each finalizer keeps.
	Finalizers map[string]int
}

// Add counts an object that is left.
func (r *Remains) Add(resource schema.GroupVersionResource, finalizers []string) {
	if r.Objects == nil {
		r.Objects, r.Finalizers = map[schema.GroupVersionResource]int{}, map[string]int{}
	}
	r.Objects[resource]++
	for _, f := range finalizers {
		r.Finalizers[f]++
	}
}

// Fail adds a failure; nil is none.
func (r *Remains) Fail(err error) {
	if err != nil {
		r.Failures = append(r.Failures, err)
	}
}

// Merge adds what another attempt left.
func (r *Remains) Merge(o Remains) {
	r.Unknown, r.Unreadable = errors.Join(r.Unknown, o.Unknown), errors.Join(r.Unreadable, o.Unreadable)
	r.Failures = append(r.Failures, o.Failures...)
	if r.Objects == nil {
		r.Objects, r.Finalizers = map[schema.GroupVersionResource]int{}, map[string]int{}
	}
	for gvr, n := range o.Objects {
		r.Objects[gvr] += n
	}
	for f, n := range o.Finalizers {
		r.Finalizers[f] += n
	}
}

// Empty tells whether nothing keeps the namespace.
func (r *Remains) Empty() bool {
	return r.Unknown == nil && r.Unreadable == nil && len(r.Failures) == 0 && len(r.Objects) == 0
}

// conditions are what a namespace shows of what keeps it, in upstream's words and order:
// pkg/controller/namespace/deletion/status_condition_utils.go.
func (r *Remains) conditions() []corev1.NamespaceCondition {
	out := []corev1.NamespaceCondition{
		{Type: corev1.NamespaceDeletionDiscoveryFailure, Reason: "ResourcesDiscovered", Message: "All resources successfully discovered"},
		{Type: corev1.NamespaceDeletionGVParsingFailure, Reason: "ParsedGroupVersions", Message: "All legacy kube types successfully parsed"},
		{Type: corev1.NamespaceDeletionContentFailure, Reason: "ContentDeleted", Message: "All content successfully deleted, may be waiting on finalization"},
		{Type: corev1.NamespaceContentRemaining, Reason: "ContentRemoved", Message: "All content successfully removed"},
		{Type: corev1.NamespaceFinalizersRemaining, Reason: "ContentHasNoFinalizers", Message: "All content-preserving finalizers finished"},
	}
	fail := func(i int, reason, message string) {
		out[i].Status, out[i].Reason, out[i].Message = corev1.ConditionTrue, reason, message
	}
	for i := range out {
		out[i].Status = corev1.ConditionFalse
	}
	if r.Unknown != nil {
		message := r.Unknown.Error()
		if groups, ok := errors.AsType[*discovery.ErrGroupDiscoveryFailed](r.Unknown); ok {
			message = fmt.Sprintf("Discovery failed for some groups, %d failing: %v", len(groups.Groups), groups)
		}
		fail(0, "DiscoveryFailed", message)
	}
	if r.Unreadable != nil {
		fail(1, "GroupVersionParsingFailed", r.Unreadable.Error())
	}
	if n := len(r.Failures); n > 0 {
		messages := make([]string, 0, n)
		for _, err := range r.Failures {
			messages = append(messages, err.Error())
		}
		slices.Sort(messages)
		fail(2, "ContentDeletionFailed", fmt.Sprintf("Failed to delete all resource types, %d remaining: %v", n, strings.Join(messages, ", ")))
	}
	if len(r.Objects) > 0 {
		left := make([]string, 0, len(r.Objects))
		for gvr, n := range r.Objects {
			left = append(left, fmt.Sprintf("%s.%s has %d resource instances", gvr.Resource, gvr.Group, n))
		}
		slices.Sort(left)
		fail(3, "SomeResourcesRemain", "Some resources are remaining: "+strings.Join(left, ", "))
	}
	if len(r.Finalizers) > 0 {
		left := make([]string, 0, len(r.Finalizers))
		for _, f := range slices.Sorted(maps.Keys(r.Finalizers)) {
			left = append(left, fmt.Sprintf("%s in %d resource instances", f, r.Finalizers[f]))
		}
		fail(4, "SomeFinalizersRemain", "Some content in the namespace has finalizers remaining: "+strings.Join(left, ", "))
	}
	return out
}

// withConditions lays new conditions over those of a namespace, and tells whether one changed. now is
// when those changed whose status did.
func withConditions(old, wanted []corev1.NamespaceCondition, now metav1.Time) ([]corev1.NamespaceCondition, bool) {
	out, changed := slices.Clone(old), false
	for _, c := range wanted {
		c.LastTransitionTime = now
		i := slices.IndexFunc(out, func(o corev1.NamespaceCondition) bool { return o.Type == c.Type })
		switch {
		case i < 0:
			out, changed = append(out, c), true
		case out[i].Status != c.Status || out[i].Reason != c.Reason || out[i].Message != c.Message:
			if out[i].Status == c.Status {
				c.LastTransitionTime = out[i].LastTransitionTime
			}
			out[i], changed = c, true
		}
	}
	return out, changed
}
