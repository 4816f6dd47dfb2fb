package memory

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage"
)

// store is the storage of one resource with one codec. It follows pkg/storage/etcd3/store.go of
// k8s.io/apiserver and is safe for concurrent use.
type store struct {
	backend   *Backend
	table     *table
	codec     runtime.Codec
	newFunc   func() runtime.Object // may be nil
	versioner storage.APIObjectVersioner
	resource  schema.GroupResource
	sizes     atomic.Bool // whether Stats tells sizes
	decodes   atomic.Bool // whether each Get decodes
}

// DecodeEachGet makes each Get of a storage of this package decode what is stored, as etcd3 does, in place of
// copying what was decoded before. It is for codecs whose result changes with time: those that ask a conversion
// webhook. Lists and watches go on sharing. Any other storage is left as it is.
func DecodeEachGet(s storage.Interface) {
	if s, ok := s.(*store); ok {
		s.decodes.Store(true)
	}
}

var _ storage.Interface = (*store)(nil)

// Versioner implements storage.Interface.
func (s *store) Versioner() storage.Versioner { return s.versioner }

// Get implements storage.Interface.
func (s *store) Get(_ context.Context, key string, opts storage.GetOptions, out runtime.Object) error {
	key, err := s.prepareKey(key, false)
	if err != nil {
		return err
	}
	root, revision, err := s.backend.snapshot(s.table, key)
	if err != nil {
		return err
	}
	if err := s.checkMinimumRevision(opts.ResourceVersion, revision); err != nil {
		return err
	}
	v := root.get(key)
	if v == nil {
		if opts.IgnoreNotFound {
			return runtime.SetZeroValue(out)
		}
		return storage.NewKeyNotFoundError(key, 0)
	}
	if s.decodes.Load() {
		if _, _, err := s.codec.Decode(v.data, nil, out); err != nil {
			return err
		}
		s.setRevision(out, v.rev)
		return nil
	}
	return s.read(v, out)
}

// Create implements storage.Interface. As in etcd3 it clears the resource version and the self link
// of obj.
func (s *store) Create(_ context.Context, key string, obj, out runtime.Object, ttl uint64) error {
	key, err := s.prepareKey(key, false)
	if err != nil {
		return err
	}
	if version, err := s.versioner.ObjectResourceVersion(obj); err == nil && version != 0 {
		return storage.ErrResourceVersionSetOnCreate
	}
	data, err := s.encode(key, obj)
	if err != nil {
		return err
	}
	next, stamp, err := s.newValue(data)
	if err != nil {
		return err
	}
	_, _, committed, err := s.backend.commit(change{table: s.table, key: key, next: next, ttl: ttl, stamp: stamp})
	if err != nil {
		return err
	}
	if !committed {
		return storage.NewKeyExistsError(key, 0)
	}
	if out == nil {
		return nil
	}
	return s.read(next, out)
}

// Stats implements storage.Interface. The sizes are exact.
func (s *store) Stats(context.Context) (storage.Stats, error) {
	s.backend.mu.RLock()
	count, bytes := s.table.root.len(), s.table.bytes
	s.backend.mu.RUnlock()
	stats := storage.Stats{ObjectCount: int64(count)}
	if s.sizes.Load() && count > 0 {
		stats.EstimatedAverageObjectSizeBytes = int64(bytes / count)
	}
	return stats, nil
}

// EnableResourceSizeEstimation implements storage.Interface. The storage knows its sizes and calls
// keys never.
func (s *store) EnableResourceSizeEstimation(keys storage.KeysFunc) error {
	if keys == nil {
		return errors.New("the function that lists keys must not be nil")
	}
	if s.sizes.Swap(true) {
		return fmt.Errorf("resource size estimation of %s is enabled already", s.resource)
	}
	return nil
}

// ReadinessCheck implements storage.Interface: the storage is ready until its backend is closed.
func (s *store) ReadinessCheck() error {
	select {
	case <-s.backend.done:
		return storage.ErrStorageNotReady
	default:
		return nil
	}
}

// RequestWatchProgress implements storage.Interface: every watch of the resource that was opened with
// ProgressNotify sends a bookmark as soon as it has caught up.
func (s *store) RequestWatchProgress(context.Context) error {
	s.backend.mu.Lock()
	s.table.progress++
	wake := s.table.wake
	s.table.wake = make(chan struct{})
	s.backend.mu.Unlock()
	close(wake)
	return nil
}

// GetCurrentResourceVersion implements storage.Interface.
func (s *store) GetCurrentResourceVersion(context.Context) (uint64, error) {
	_, revision, err := s.backend.snapshot(s.table, s.table.prefix)
	return revision, err
}

// CompactRevision implements storage.Interface: the revision up to which the history of this
// resource was dropped, or 0.
func (s *store) CompactRevision() int64 {
	s.backend.mu.RLock()
	defer s.backend.mu.RUnlock()
	return int64(s.table.compacted)
}

// prepareKey checks key and, for a recursive request, makes it end in "/". The prefix ends in "/"
// too, so that "/pods" never reaches into "/podsx".
func (s *store) prepareKey(key string, recursive bool) (string, error) {
	return storage.PrepareKey(s.table.prefix, key, recursive)
}

// checkMinimumRevision refuses a request for data that is newer than all there is.
func (s *store) checkMinimumRevision(minimum string, revision uint64) error {
	if minimum == "" {
		return nil
	}
	wanted, err := s.versioner.ParseResourceVersion(minimum)
	if err != nil {
		return apierrors.NewBadRequest(fmt.Sprintf("invalid resource version: %v", err))
	}
	if wanted > revision {
		return storage.NewTooLargeResourceVersionError(wanted, revision, 0)
	}
	return nil
}

// encode returns the bytes to store for obj, whose resource version and self link it clears.
func (s *store) encode(key string, obj runtime.Object) ([]byte, error) {
	if err := s.versioner.PrepareObjectForStorage(obj); err != nil {
		return nil, fmt.Errorf("preparing %s for storage: %w", key, err)
	}
	return runtime.Encode(s.codec, obj)
}

// newValue decodes data at once, so that nothing is stored which cannot be read back and no reader
// waits for it. The stamp completes the decoded form with the revision.
func (s *store) newValue(data []byte) (v *value, stamp func(uint64), err error) {
	obj, err := s.decode(data)
	if err != nil {
		return nil, nil, err
	}
	v = &value{data: data}
	return v, func(revision uint64) {
		s.setRevision(obj, revision)
		v.forms.add(s, obj)
	}, nil
}

// form returns v decoded. Nobody may change the object.
func (s *store) form(v *value) (runtime.Object, error) {
	if obj, ok := v.forms.get(s); ok {
		return obj, nil
	}
	obj, err := s.decode(v.data)
	if err != nil {
		return nil, err
	}
	s.setRevision(obj, v.rev)
	return v.forms.add(s, obj), nil
}

func (s *store) decode(data []byte) (runtime.Object, error) {
	var into runtime.Object
	if s.newFunc != nil {
		into = s.newFunc()
	}
	obj, _, err := s.codec.Decode(data, nil, into)
	return obj, err
}

// setRevision ignores an object that cannot hold a revision: it is readable all the same.
func (s *store) setRevision(obj runtime.Object, revision uint64) {
	_ = s.versioner.UpdateObject(obj, revision)
}

// read sets out to a copy of v.
func (s *store) read(v *value, out runtime.Object) error {
	return s.readAt(v, v.rev, out)
}

// readAt sets out to a copy of v with the resource version revision.
func (s *store) readAt(v *value, revision uint64, out runtime.Object) error {
	target, err := conversion.EnforcePtr(out)
	if err != nil {
		return fmt.Errorf("unable to convert output object to pointer: %w", err)
	}
	obj, err := s.form(v)
	if err != nil {
		return err
	}
	if source := reflect.ValueOf(obj); source.Kind() == reflect.Pointer && source.Elem().Type() == target.Type() {
		target.Set(reflect.ValueOf(obj.DeepCopyObject()).Elem())
	} else if _, _, err := s.codec.Decode(v.data, nil, out); err != nil {
		return err
	}
	s.setRevision(out, revision)
	return nil
}
