package delegate

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

func TestNamespaceConditions(t *testing.T) {
	t.Parallel()
	gv := schema.GroupVersion{Group: "g.example.com", Version: "v1"}
	var left Remains
	left.Unknown = &discovery.ErrGroupDiscoveryFailed{Groups: map[schema.GroupVersion]error{gv: errors.New("stale GroupVersion discovery: g.example.com/v1")}}
	left.Fail(errors.New("b"))
	left.Fail(errors.New("a"))
	left.Add(gv.WithResource("things"), []string{"example.com/f", "example.com/e"})
	left.Add(gv.WithResource("things"), []string{"example.com/f"})
	left.Add(corev1.SchemeGroupVersion.WithResource("pods"), nil)
	var got []string
	for _, c := range left.conditions() {
		got = append(got, string(c.Type)+" "+string(c.Status)+" "+c.Reason+": "+c.Message)
	}
	want := []string{
		"NamespaceDeletionDiscoveryFailure True DiscoveryFailed: Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: g.example.com/v1: stale GroupVersion discovery: g.example.com/v1",
		"NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions: All legacy kube types successfully parsed",
		"NamespaceDeletionContentFailure True ContentDeletionFailed: Failed to delete all resource types, 2 remaining: a, b",
		"NamespaceContentRemaining True SomeResourcesRemain: Some resources are remaining: pods. has 1 resource instances, things.g.example.com has 2 resource instances",
		"NamespaceFinalizersRemaining True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/e in 1 resource instances, example.com/f in 2 resource instances",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestConditionsChangeOnce(t *testing.T) {
	t.Parallel()
	var none, some Remains
	some.Add(corev1.SchemeGroupVersion.WithResource("pods"), nil)
	first, second := metav1.NewTime(time.Unix(1, 0)), metav1.NewTime(time.Unix(2, 0))
	was, changed := withConditions(nil, some.conditions(), first)
	if !changed || len(was) != 5 {
		t.Errorf("the first conditions: %v %v", changed, was)
	}
	if same, changed := withConditions(was, some.conditions(), second); changed || !cmp.Equal(same, was) {
		t.Errorf("the same conditions changed: %v", same)
	}
	now, changed := withConditions(was, none.conditions(), second)
	if !changed || now[3].Status != corev1.ConditionFalse || !now[3].LastTransitionTime.Equal(&second) || !now[0].LastTransitionTime.Equal(&first) {
		t.Errorf("after the content is gone: %v", now)
	}
}
