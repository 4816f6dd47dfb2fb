package memory

import (
	"context"
	"fmt"
	"math"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"
)

// The messages of pkg/storage/etcd3/errors.go: clients show them, and some compare them.
const (
	listExpired     = "The resourceVersion for the provided list is too old."
	continueExpired = "The provided continue parameter is too old to display a consistent list result. " +
		"You can start a new list without the continue parameter, or use the continue token in this response to " +
		"retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - " +
		"objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
)

// growthLimit is for how many objects a list makes room before it knows how many match, and
// deadlineStride how many it looks at between two looks at the request's deadline.
const (
	growthLimit    = 2048
	deadlineStride = 256
)

// GetList implements storage.Interface.
func (s *store) GetList(ctx context.Context, key string, opts storage.ListOptions, listObj runtime.Object) error {
	key, err := s.prepareKey(key, opts.Recursive)
	if err != nil {
		return err
	}
	itemsPtr, err := meta.GetItemsPtr(listObj)
	if err != nil {
		return err
	}
	items, err := conversion.EnforcePtr(itemsPtr)
	if err != nil || items.Kind() != reflect.Slice {
		return fmt.Errorf("the items of the list %T of %s are not a slice: %w", listObj, s.resource, err)
	}
	r, err := s.rangeOf(key, opts)
	if err != nil {
		return err
	}
	lastKey, more, err := s.collect(ctx, r, opts.Predicate, items)
	if err != nil {
		return err
	}
	if items.IsNil() { // an empty list is [], not null
		items.Set(reflect.MakeSlice(items.Type(), 0, 0))
	}
	token, remaining, err := storage.PrepareContinueToken(lastKey, key, int64(r.revision), r.count(), more, opts)
	if err != nil {
		return err
	}
	if err := s.versioner.UpdateList(listObj, r.revision, token, remaining); err != nil {
		return err
	}
	opts.Predicate.SetShardInfoOnList(listObj)
	return nil
}

// keyRange is the keys in [from, to) of a snapshot of the database.
type keyRange struct {
	root     *node
	revision uint64
	from, to string
}

// count returns how many keys the range has.
func (r keyRange) count() int64 { return int64(r.root.rank(r.to) - r.root.rank(r.from)) }

// rangeOf finds the revision that the options ask for and the keys to look at.
func (s *store) rangeOf(key string, opts storage.ListOptions) (keyRange, error) {
	withRevision, continueKey, err := storage.ValidateListOptions(key, s.versioner, opts)
	if err != nil {
		return keyRange{}, err
	}
	r := keyRange{from: key, to: key + "\x00"}
	if opts.Recursive {
		r.to = prefixEnd(key)
	}
	if continueKey != "" {
		r.from = continueKey
	}
	if withRevision > 0 {
		paging := continueKey != ""
		r.revision = uint64(withRevision)
		r.root, err = s.rootAt(r.revision, func() error { return expiredError(paging, r.from, key) })
		return r, err
	}
	if r.root, r.revision, err = s.backend.snapshot(s.table, key); err != nil {
		return keyRange{}, err
	}
	return r, s.checkMinimumRevision(opts.ResourceVersion, r.revision)
}

// rootAt returns the tree at a revision, or the error of expired when the history has dropped it.
func (s *store) rootAt(revision uint64, expired func() error) (*node, error) {
	s.backend.mu.RLock()
	defer s.backend.mu.RUnlock()
	switch {
	case s.backend.closed:
		return nil, storage.NewUnreachableError(s.table.prefix, 0)
	case revision > s.backend.revision:
		return nil, storage.NewTooLargeResourceVersionError(revision, s.backend.revision, 0)
	case revision < max(s.table.compacted, s.backend.gapEnd(revision)):
		return nil, expired()
	default:
		return s.table.at(revision), nil
	}
}

// expiredError is the 410 of a list at a revision that the history has dropped. The one of a further
// page carries a token that goes on with the newest data.
func expiredError(paging bool, from, key string) error {
	if !paging {
		return apierrors.NewResourceExpired(listExpired)
	}
	status := apierrors.NewResourceExpired(continueExpired)
	if token, err := storage.EncodeContinue(from, key, -1); err == nil {
		status.ErrStatus.Continue = token
	}
	return status
}

// prefixEnd returns the least key above all that begin with prefix, which ends in "/".
func prefixEnd(prefix string) string {
	return prefix[:len(prefix)-1] + string(prefix[len(prefix)-1]+1)
}

// collect appends copies of the matching objects to items. It returns the last key that it looked at
// and whether the range goes on behind it.
func (s *store) collect(ctx context.Context, r keyRange, pred storage.SelectionPredicate, items reflect.Value) (lastKey string, more bool, err error) {
	limit := math.MaxInt
	if pred.Limit > 0 {
		limit = int(pred.Limit)
	}
	room := int(min(r.count(), int64(limit)))
	if !pred.Empty() {
		room = min(room, growthLimit)
	}
	items.Grow(max(room-items.Len(), 0))

	seen := 0
	r.root.ascend(r.from, r.to, func(key string, v *value) bool {
		if items.Len() >= limit {
			more = true
			return false
		}
		if seen++; seen%deadlineStride == 1 && ctx.Err() != nil {
			err = storage.NewTimeoutError(key, "request did not complete within requested timeout")
			return false
		}
		lastKey = key
		var obj runtime.Object
		if obj, err = s.form(v); err != nil {
			return false
		}
		// As in etcd3, an object whose attributes cannot be read does not match.
		if matched, matchErr := pred.Matches(obj); matchErr != nil || !matched {
			return true
		}
		var item reflect.Value
		if item, err = s.item(v, obj, items.Type().Elem()); err != nil {
			return false
		}
		items.Set(reflect.Append(items, item))
		return true
	})
	return lastKey, more, err
}

// item returns a copy of v, whose decoded form is form, as an element of a list. A list of another
// type than the store's objects has its items decoded anew.
func (s *store) item(v *value, form runtime.Object, itemType reflect.Type) (reflect.Value, error) {
	if item := reflect.ValueOf(form.DeepCopyObject()).Elem(); item.Type() == itemType {
		return item, nil
	}
	item := reflect.New(itemType)
	obj, ok := reflect.TypeAssert[runtime.Object](item)
	if !ok {
		return reflect.Value{}, fmt.Errorf("the list items of %s are %s, which is not a runtime.Object", s.resource, itemType)
	}
	return item.Elem(), s.read(v, obj)
}
