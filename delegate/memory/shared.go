package memory

import (
	"bytes"
	"io"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
)

// Object returns the object that a watch event carries: a private copy of it when encodings are
// shared ([Options.ShareEncoding]), else obj itself.
func Object(obj runtime.Object) runtime.Object {
	if shared, ok := obj.(runtime.CacheableObject); ok {
		return shared.GetObject()
	}
	return obj
}

// Plain is w with each event's object as [Object] returns it: for who reads a store without a client.
func Plain(w watch.Interface) watch.Interface {
	p := &plainWatch{from: w, events: make(chan watch.Event), stopped: make(chan struct{})}
	go p.run()
	return p
}

// plainWatch ends when it is stopped, even if nobody takes the event that it has; watch.Filter's loop would stay.
type plainWatch struct {
	from    watch.Interface
	events  chan watch.Event
	stopped chan struct{}
	once    sync.Once
}

// ResultChan implements watch.Interface.
func (p *plainWatch) ResultChan() <-chan watch.Event { return p.events }

// Stop implements watch.Interface.
func (p *plainWatch) Stop() {
	p.once.Do(func() { close(p.stopped) })
	p.from.Stop()
}

func (p *plainWatch) run() {
	defer close(p.events)
	for e := range p.from.ResultChan() {
		e.Object = Object(e.Object)
		select {
		case p.events <- e:
		case <-p.stopped:
			return
		}
	}
}

// sharedObject is the object of one event for all its watchers. It keeps each encoding that was made
// of it, as cachingObject in pkg/storage/cacher does. It is safe for concurrent use.
type sharedObject struct {
	object runtime.Object // never changed

	mu        sync.Mutex
	encodings map[runtime.Identifier]*encoding
}

var (
	_ runtime.CacheableObject   = (*sharedObject)(nil)
	_ metav1.ObjectMetaAccessor = (*sharedObject)(nil)
)

// encoding is made once; the others that want it wait for that.
type encoding struct {
	once sync.Once
	data []byte
	err  error
}

// CacheEncode implements runtime.CacheableObject. The encode function gets a copy, because encoders
// may change what they encode; the mutex is not held while it runs.
func (o *sharedObject) CacheEncode(id runtime.Identifier, encode func(runtime.Object, io.Writer) error, w io.Writer) error {
	e := o.encoding(id)
	e.once.Do(func() {
		var buffer bytes.Buffer
		e.err = encode(o.GetObject(), &buffer)
		e.data = buffer.Bytes()
	})
	if e.err != nil {
		return e.err
	}
	if splice, ok := w.(runtime.Splice); ok {
		splice.Splice(e.data)
		return nil
	}
	_, err := w.Write(e.data)
	return err
}

func (o *sharedObject) encoding(id runtime.Identifier) *encoding {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, ok := o.encodings[id]
	if !ok {
		if o.encodings == nil {
			o.encodings = map[runtime.Identifier]*encoding{}
		}
		e = &encoding{}
		o.encodings[id] = e
	}
	return e
}

// GetObject implements runtime.CacheableObject: the caller owns the copy.
func (o *sharedObject) GetObject() runtime.Object { return o.object.DeepCopyObject() }

// GetObjectKind implements runtime.Object. It is for reading.
func (o *sharedObject) GetObjectKind() schema.ObjectKind { return o.object.GetObjectKind() }

// DeepCopyObject implements runtime.Object.
func (o *sharedObject) DeepCopyObject() runtime.Object {
	return &sharedObject{object: o.object.DeepCopyObject()}
}

// GetObjectMeta implements metav1.ObjectMetaAccessor with the metadata of a copy, so that setting
// something there reaches nobody else. It is nil for an object without metadata.
func (o *sharedObject) GetObjectMeta() metav1.Object {
	m, err := meta.Accessor(o.GetObject())
	if err != nil {
		return nil
	}
	return m
}
