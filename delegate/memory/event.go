package memory

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/storage"
)

// initialEvent returns the ADDED event of an object that the watch begins with, if it matches.
func (w *watcher) initialEvent(v *value) (watch.Event, bool, error) {
	form, err := w.store.form(v)
	if err != nil || !w.matches(form) {
		return watch.Event{}, false, err
	}
	return watch.Event{Type: watch.Added, Object: form.DeepCopyObject()}, true, nil
}

// transform returns what the watch's reader sees of a change: an object that begins to match is
// ADDED to it, one that stops is DELETED in the last state that matched, with the revision of the
// change. It reports false for a change that the reader does not see.
func (w *watcher) transform(e *event) (watch.Event, bool, error) {
	nextMatches, err := w.valueMatches(e.next)
	if err != nil {
		return watch.Event{}, false, err
	}
	prevMatches, err := w.valueMatches(e.prev)
	if err != nil {
		return watch.Event{}, false, deletionError(e, err)
	}
	var out watch.Event
	switch {
	case nextMatches && prevMatches:
		out.Type = watch.Modified
	case nextMatches:
		out.Type = watch.Added
	case prevMatches:
		out.Type = watch.Deleted
	default:
		return watch.Event{}, false, nil
	}
	if out.Object, err = w.eventObject(e, !nextMatches); err != nil {
		return watch.Event{}, false, deletionError(e, err)
	}
	return out, true, nil
}

// valueMatches reports whether the watch selects the state v; there is none where v is nil. A watch
// that selects everything does not have v decoded for that.
func (w *watcher) valueMatches(v *value) (bool, error) {
	if v == nil || w.pred.Empty() {
		return v != nil, nil
	}
	form, err := w.store.form(v)
	if err != nil {
		return false, err
	}
	return w.matches(form), nil
}

// matches takes an object whose attributes cannot be read for one that does not match, as etcd3 does.
func (w *watcher) matches(form runtime.Object) bool {
	matched, err := w.pred.Matches(form)
	return err == nil && matched
}

// eventObject returns the object of an event: the state after it, or the state before it with the
// event's revision. Encoding an object for a client can change it (the codec sets its kind), so that
// every watcher gets a copy of its own, or the shared object that hands out copies.
func (w *watcher) eventObject(e *event, before bool) (runtime.Object, error) {
	v, cache := e.next, &e.sharedNext
	if before {
		v, cache = e.prev, &e.sharedPrev
	}
	share := w.store.backend.options.ShareEncoding
	if share {
		if shared, ok := cache.get(w.store); ok {
			return shared, nil
		}
	}
	obj, err := w.store.form(v)
	if err != nil {
		return nil, err
	}
	if before || !share {
		obj = obj.DeepCopyObject()
	}
	if before {
		w.store.setRevision(obj, e.rev)
	}
	if share {
		return cache.add(w.store, &sharedObject{object: obj}), nil
	}
	return obj, nil
}

// sendBookmark tells the reader that it has seen everything up to the watch's revision. With
// initialEnd it marks the end of the initial events.
func (w *watcher) sendBookmark(ctx context.Context, initialEnd bool) error {
	obj := w.store.newFunc()
	if err := w.store.versioner.UpdateObject(obj, w.revision); err != nil {
		return fmt.Errorf("setting the resource version of a bookmark of %s: %w", w.store.resource, err)
	}
	if initialEnd {
		if err := storage.AnnotateInitialEventsEndBookmark(obj); err != nil {
			return fmt.Errorf("annotating the initial events' bookmark of %s: %w", w.store.resource, err)
		}
	}
	return w.send(ctx, watch.Event{Type: watch.Bookmark, Object: obj})
}

// errorEvent turns an error into the last event of a watch.
func errorEvent(err error) watch.Event {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		status = apierrors.NewInternalError(err)
	}
	object := status.Status()
	return watch.Event{Type: watch.Error, Object: &object}
}

// deletionError is err, in the case of a deletion as etcd3's watch reports it for an object that does
// not decode.
func deletionError(e *event, err error) error {
	if e.next != nil {
		return err
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status:  metav1.StatusFailure,
		Code:    http.StatusInternalServerError,
		Reason:  metav1.StatusReasonStoreReadError,
		Message: fmt.Sprintf("saw a DELETED event, but object data is corrupt - %v", err),
	}}
}
