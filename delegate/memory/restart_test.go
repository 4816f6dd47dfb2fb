package memory

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
	testingclock "k8s.io/utils/clock/testing"
)

// A client that lives through the end of one database and the start of the next still has revisions of
// the first one. Taken for revisions of the second they would make it miss everything or wait for ever.
func TestRevisionsOfAFormerDatabase(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := testingclock.NewFakeClock(start)
	former := NewBackend(Options{Clock: clock})
	old := mustCreate(t, newPodStore(t, former), pod("ns", "a")).ResourceVersion
	if want := "1767323045000001"; old != want {
		t.Errorf("the first object is at %s, want %s", old, want)
	}
	for i := range 20 {
		mustRelabel(t, newPodStore(t, former), "ns", "a", string(rune('a'+i)))
	}
	former.Close()

	clock.Step(time.Millisecond)
	b := NewBackend(Options{Clock: clock})
	t.Cleanup(b.Close)
	s := newPodStore(t, b)
	mustCreate(t, s, pod("ns", "b"))
	w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: old})
	if diff := cmp.Diff([]string{"ERROR 410 Expired"}, take(t, w, 1)); diff != "" {
		t.Errorf("watch (-want +got):\n%s", diff)
	}
	var list example.PodList
	err := s.GetList(t.Context(), "/pods", storage.ListOptions{
		ResourceVersion: old, ResourceVersionMatch: metav1.ResourceVersionMatchExact, Recursive: true, Predicate: storage.Everything,
	}, &list)
	if !apierrors.IsResourceExpired(err) {
		t.Errorf("the list at revision %s got %v, want 410 Expired", old, err)
	}
	err = s.GetList(t.Context(), "/pods", storage.ListOptions{
		ResourceVersion: old, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan, Recursive: true, Predicate: storage.Everything,
	}, &list)
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "b" {
		t.Errorf("the list not older than %s got %v, %v", old, list.Items, err)
	}
}
