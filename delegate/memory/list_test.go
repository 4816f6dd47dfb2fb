package memory

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
)

func TestListAtRevision(t *testing.T) {
	t.Parallel()
	s := newPodStore(t, newTestBackend(t, Options{HistoryLimit: 2}))
	for i := range 4 { // revisions 2 to 5, of which 4 and 5 stay
		mustCreate(t, s, pod("ns", fmt.Sprint(i)))
	}
	const exact, notOlder = metav1.ResourceVersionMatchExact, metav1.ResourceVersionMatchNotOlderThan
	tests := []struct {
		revision string
		match    metav1.ResourceVersionMatch
		want     string
	}{
		{"", "", "4 objects at 5"},
		{"0", "", "4 objects at 5"},
		{"2", "", "4 objects at 5"},
		{"2", notOlder, "4 objects at 5"},
		{"5", exact, "4 objects at 5"},
		{"4", exact, "3 objects at 4"},
		{"3", exact, "2 objects at 3"},
		{"2", exact, "410 Expired The resourceVersion for the provided list is too old."},
		{"6", exact, "504 Timeout Timeout: Too large resource version: 6, current: 5"},
		{"6", notOlder, "504 Timeout Timeout: Too large resource version: 6, current: 5"},
		{"x", notOlder, `400 BadRequest invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax`},
	}
	for _, tt := range tests {
		t.Run(tt.revision+string(tt.match), func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, outcome(t, s, storage.ListOptions{ResourceVersion: tt.revision, ResourceVersionMatch: tt.match})); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
		})
	}
}

// outcome lists all pods and says what came of it.
func outcome(t *testing.T, s storage.Interface, opts storage.ListOptions) string {
	t.Helper()
	token, limit := opts.Predicate.Continue, opts.Predicate.Limit
	opts.Recursive, opts.Predicate = true, storage.Everything
	opts.Predicate.Continue, opts.Predicate.Limit = token, limit
	out := &example.PodList{}
	if err := s.GetList(t.Context(), "/pods", opts, out); err != nil {
		var status apierrors.APIStatus
		if !errors.As(err, &status) {
			return err.Error()
		}
		return fmt.Sprintf("%d %s %s", status.Status().Code, status.Status().Reason, status.Status().Message)
	}
	return fmt.Sprintf("%d objects at %s", len(out.Items), out.ResourceVersion)
}

// A token whose revision was dropped gets a 410 with a token that goes on inconsistently.
func TestContinueAfterCompaction(t *testing.T) {
	t.Parallel()
	b := newTestBackend(t, Options{})
	s := newPodStore(t, b)
	for i := range 4 {
		mustCreate(t, s, pod("ns", fmt.Sprint(i)))
	}
	page := listPods(t, s, storage.ListOptions{Predicate: storage.SelectionPredicate{Limit: 1}})
	mustDelete(t, s, "ns", "2")
	b.Compact(b.Revision())

	opts := storage.ListOptions{Recursive: true, Predicate: storage.Everything}
	opts.Predicate.Continue = page.Continue
	err := s.GetList(t.Context(), "/pods", opts, &example.PodList{})
	if !apierrors.IsResourceExpired(err) {
		t.Fatalf("got %v, want 410", err)
	}
	var status *apierrors.StatusError
	if !errors.As(err, &status) || status.ErrStatus.Continue == "" {
		t.Fatalf("the 410 has no token: %v", err)
	}
	got := outcome(t, s, storage.ListOptions{Predicate: storage.SelectionPredicate{Continue: status.ErrStatus.Continue}})
	if diff := cmp.Diff("2 objects at 6", got); diff != "" {
		t.Errorf("rest of the list (-want +got):\n%s", diff)
	}
}
