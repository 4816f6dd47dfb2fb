package memory

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
	storagevalue "k8s.io/apiserver/pkg/storage/value"
)

// faultStore is a store into whose codec the conformance suite can inject faults. Injecting empties
// the caches of decoded objects, as a fault that exists from the start would find them.
type faultStore struct {
	*store
	codec *faultCodec
}

func withFaults(s *store) *faultStore {
	codec := &faultCodec{Codec: s.codec}
	codec.transformer.Store(&transformerBox{storagetesting.NewPrefixTransformer([]byte("test!"), false)})
	s.codec = codec
	return &faultStore{store: s, codec: codec}
}

// UpdatePrefixTransformer implements storagetesting.InterfaceWithPrefixTransformer.
func (f *faultStore) UpdatePrefixTransformer(modify storagetesting.PrefixTransformerModifier) func() {
	old := f.codec.transformer.Load()
	f.codec.transformer.Store(&transformerBox{modify(storagetesting.NewPrefixTransformer([]byte("test!"), false))})
	f.forget()
	return func() {
		f.codec.transformer.Store(old)
		f.forget()
	}
}

// UpdateTransformer implements storagetesting.InterfaceWithTransformerOverride.
func (f *faultStore) UpdateTransformer(modify storagetesting.TransformerModifier) func() {
	old := f.codec.transformer.Load()
	f.codec.transformer.Store(&transformerBox{modify(old.Transformer)})
	f.forget()
	return func() {
		f.codec.transformer.Store(old)
		f.forget()
	}
}

func (f *faultStore) setFailing(failing bool) {
	f.codec.failing.Store(failing)
	f.forget()
}

func (f *faultStore) forget() {
	f.backend.mu.RLock()
	defer f.backend.mu.RUnlock()
	f.table.root.ascend("", "\xff", func(_ string, v *value) bool {
		v.forms.entries.Store(nil)
		return true
	})
	for _, e := range f.table.events {
		for _, v := range []*value{e.prev, e.next} {
			if v != nil {
				v.forms.entries.Store(nil)
			}
		}
	}
}

// faultCodec encodes and decodes through a transformer, and fails to decode on demand.
type faultCodec struct {
	runtime.Codec
	transformer atomic.Pointer[transformerBox]
	failing     atomic.Bool
	// writes is set for a transformer that writes to the store itself, in the one goroutine of its
	// test: each write decodes as well, and while decoding is set the transformer is not asked again.
	writes, decoding bool
}

type transformerBox struct{ storagevalue.Transformer }

// Decode implements runtime.Decoder.
func (c *faultCodec) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	if c.failing.Load() {
		return nil, nil, errors.New("synthetic error")
	}
	transformer := c.transformer.Load().Transformer
	switch {
	case c.decoding:
		transformer = storagetesting.NewPrefixTransformer([]byte("test!"), false)
	case c.writes:
		c.decoding = true
		defer func() { c.decoding = false }()
	}
	data, _, err := transformer.TransformFromStorage(context.Background(), data, storagevalue.DefaultContext{})
	if err != nil {
		return nil, nil, err
	}
	return c.Codec.Decode(data, defaults, into)
}

// Encode implements runtime.Encoder.
func (c *faultCodec) Encode(obj runtime.Object, w io.Writer) error {
	data, err := runtime.Encode(c.Codec, obj)
	if err != nil {
		return err
	}
	if data, err = c.transformer.Load().TransformToStorage(context.Background(), data, storagevalue.DefaultContext{}); err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}
