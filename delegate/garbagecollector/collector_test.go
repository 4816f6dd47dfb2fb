package garbagecollector

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// wrapped is how a storage gives one object to several watchers: it has metadata, and is no metav1.Object.
type wrapped struct{ of *metav1.PartialObjectMetadata }

func (w wrapped) GetObjectKind() schema.ObjectKind { return w.of.GetObjectKind() }
func (w wrapped) DeepCopyObject() runtime.Object   { return wrapped{w.of.DeepCopy()} }
func (w wrapped) GetObjectMeta() metav1.Object     { return w.of }

func TestEvents(t *testing.T) {
	t.Parallel()
	c := New(nil)
	defer c.queue.ShutDown()
	r := Resource{GroupVersionResource: schema.GroupVersionResource{Version: "v1", Resource: "things"}}
	d := wrapped{&metav1.PartialObjectMetadata{ObjectMeta: *object("d", ownedBy("o"))}}
	for _, e := range []watch.Event{
		{Type: watch.Bookmark, Object: d}, {Type: watch.Added, Object: d}, {Type: watch.Modified, Object: d},
	} {
		if err := c.heed(r, e); err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
	}
	if v, known := c.view("d"); !known || v.name != "d" {
		t.Errorf("the dependent is not known: %v", v)
	}
	if err := c.heed(r, watch.Event{Type: watch.Deleted, Object: d}); err != nil {
		t.Fatal(err)
	}
	if _, known := c.view("d"); known {
		t.Error("the deleted dependent is still known")
	}
	if err := c.heed(r, watch.Event{Type: watch.Error, Object: &metav1.Status{Message: "too old"}}); err == nil {
		t.Error("an error did not end the watch")
	}
}
