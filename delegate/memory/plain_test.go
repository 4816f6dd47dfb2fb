package memory

import (
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

func TestPlainShowsTheObjects(t *testing.T) {
	t.Parallel()
	from := watch.NewFakeWithChanSize(1, false)
	from.Add(&sharedObject{object: &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}})
	w := Plain(from)
	e := <-w.ResultChan()
	if got, ok := e.Object.(*corev1.ConfigMap); !ok || got.Name != "a" || e.Type != watch.Added {
		t.Errorf("got %+v", e)
	}
	from.Stop()
	if e, open := <-w.ResultChan(); open {
		t.Errorf("after the end: %+v", e)
	}
}

// The bubble fails when a goroutine outlives it.
func TestPlainEndsUnread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(*testing.T) {
		from := watch.NewFakeWithChanSize(2, false)
		from.Add(&sharedObject{object: &corev1.ConfigMap{}})
		w := Plain(from)
		synctest.Wait()
		w.Stop()
		w.Stop()
	})
}
