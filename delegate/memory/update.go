package memory

import (
	"bytes"
	"context"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/features"
	"k8s.io/apiserver/pkg/storage"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
)

// GuaranteedUpdate implements storage.Interface. The suggested object is ignored, as the interface
// allows: reading the current one costs nothing here. tryUpdate runs without a lock on a copy of its
// own, and again when another write came first.
func (s *store) GuaranteedUpdate(
	ctx context.Context, key string, destination runtime.Object, ignoreNotFound bool,
	preconditions *storage.Preconditions, tryUpdate storage.UpdateFunc, _ runtime.Object,
) error {
	key, err := s.prepareKey(key, false)
	if err != nil {
		return err
	}
	target, err := conversion.EnforcePtr(destination)
	if err != nil {
		return fmt.Errorf("unable to convert output object to pointer: %w", err)
	}
	root, _, err := s.backend.snapshot(s.table, key)
	if err != nil {
		return err
	}
	for current := root.get(key); ; {
		c, err := s.tryUpdate(key, current, target.Type(), ignoreNotFound, preconditions, tryUpdate)
		if err != nil {
			return err
		}
		if c == nil { // the same bytes: nothing to write
			return s.read(current, destination)
		}
		var committed bool
		if _, current, committed, err = s.backend.commit(*c); err != nil {
			return err
		}
		if committed {
			return s.read(current, destination)
		}
		if ctx.Err() != nil {
			return storage.NewTimeoutError(key, "request did not complete within requested timeout")
		}
	}
}

// tryUpdate asks the caller once for the state after current, which is nil where there is none, and
// returns the write to do, or nil when it would change nothing.
func (s *store) tryUpdate(
	key string, current *value, objectType reflect.Type, ignoreNotFound bool,
	preconditions *storage.Preconditions, update storage.UpdateFunc,
) (*change, error) {
	obj, ok := reflect.TypeAssert[runtime.Object](reflect.New(objectType))
	if !ok {
		return nil, fmt.Errorf("the destination of %s is a *%s, which is not a runtime.Object", key, objectType)
	}
	var meta storage.ResponseMeta
	switch {
	case current != nil:
		if err := s.read(current, obj); err != nil {
			return nil, err
		}
		meta.ResourceVersion = current.rev
	case !ignoreNotFound:
		return nil, storage.NewKeyNotFoundError(key, 0)
	default:
		if err := runtime.SetZeroValue(obj); err != nil {
			return nil, err
		}
	}
	if err := preconditions.Check(key, obj); err != nil {
		return nil, err
	}
	updated, ttl, err := update(obj, meta)
	if err != nil {
		return nil, err
	}
	data, err := s.encode(key, updated)
	if err != nil {
		return nil, err
	}
	if current != nil && bytes.Equal(data, current.data) {
		return nil, nil
	}
	c := &change{table: s.table, key: key, prev: current}
	if c.next, c.stamp, err = s.newValue(data); err != nil {
		return nil, err
	}
	if ttl != nil {
		c.ttl = *ttl
	}
	return c, nil
}

// Delete implements storage.Interface. The suggested object is ignored, as in GuaranteedUpdate.
func (s *store) Delete(
	ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions,
	validateDeletion storage.ValidateObjectFunc, _ runtime.Object, opts storage.DeleteOptions,
) error {
	key, err := s.prepareKey(key, false)
	if err != nil {
		return err
	}
	if _, err := conversion.EnforcePtr(out); err != nil {
		return fmt.Errorf("unable to convert output object to pointer: %w", err)
	}
	unreadable := opts.ExpectTransformOrDecodeError &&
		utilfeature.DefaultFeatureGate.Enabled(features.AllowUnsafeMalformedObjectDeletion)
	root, _, err := s.backend.snapshot(s.table, key)
	if err != nil {
		return err
	}
	for current := root.get(key); ; {
		if current == nil {
			return storage.NewKeyNotFoundError(key, 0)
		}
		if err := s.checkDeletion(ctx, key, current, preconditions, validateDeletion, unreadable); err != nil {
			return err
		}
		revision, found, committed, err := s.backend.commit(change{table: s.table, key: key, prev: current})
		switch {
		case err != nil:
			return err
		case committed && unreadable:
			return nil
		case committed:
			return s.readAt(current, revision, out)
		case ctx.Err() != nil:
			return storage.NewTimeoutError(key, "request did not complete within requested timeout")
		}
		current = found
	}
}

// checkDeletion says why current may not be deleted. With unreadable set only a value that does not
// decode may be, and the callback gets no object.
func (s *store) checkDeletion(
	ctx context.Context, key string, current *value,
	preconditions *storage.Preconditions, validateDeletion storage.ValidateObjectFunc, unreadable bool,
) error {
	var obj runtime.Object
	form, err := s.form(current)
	switch {
	case unreadable && err == nil:
		return storage.NewInvalidObjError(key, "unsafe deletion is not allowed because the object is decodable from storage")
	case unreadable:
	case err != nil:
		return err
	default:
		obj = form.DeepCopyObject()
	}
	if err := preconditions.Check(key, obj); err != nil {
		return err
	}
	return validateDeletion(ctx, obj)
}
