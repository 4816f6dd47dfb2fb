package memory

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/apis/example"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
	"k8s.io/apiserver/pkg/storage"
)

func exampleCodec(tb testing.TB) runtime.Codec {
	tb.Helper()
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, metav1.SchemeGroupVersion)
	for _, add := range []func(*runtime.Scheme) error{example.AddToScheme, examplev1.AddToScheme} {
		if err := add(scheme); err != nil {
			tb.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(scheme).LegacyCodec(examplev1.SchemeGroupVersion)
}

// versionedCodec encodes to v1 and decodes to v1.
func versionedCodec(tb testing.TB) runtime.Codec {
	tb.Helper()
	scheme := runtime.NewScheme()
	if err := examplev1.AddToScheme(scheme); err != nil {
		tb.Fatal(err)
	}
	codecs := serializer.NewCodecFactory(scheme)
	return codecs.CodecForVersions(codecs.LegacyCodec(examplev1.SchemeGroupVersion), codecs.UniversalDecoder(examplev1.SchemeGroupVersion), examplev1.SchemeGroupVersion, examplev1.SchemeGroupVersion)
}

func newPod() runtime.Object { return &example.Pod{} }

func newTestBackend(tb testing.TB, o Options) *Backend {
	tb.Helper()
	o.FirstRevision = max(o.FirstRevision, 1) // as an empty etcd's
	b := NewBackend(o)
	tb.Cleanup(b.Close)
	return b
}

// newPodStore returns a storage of example pods under "/pods".
func newPodStore(tb testing.TB, b *Backend) *store {
	tb.Helper()
	s, err := b.newStore(exampleCodec(tb), "/pods", schema.GroupResource{Resource: "pods"}, newPod)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func pod(namespace, name string) *example.Pod {
	return &example.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func podKey(namespace, name string) string { return "/pods/" + namespace + "/" + name }

// mustCreate stores a pod and returns it as stored.
func mustCreate(tb testing.TB, s storage.Interface, p *example.Pod) *example.Pod {
	tb.Helper()
	out := &example.Pod{}
	if err := s.Create(tb.Context(), podKey(p.Namespace, p.Name), p, out, 0); err != nil {
		tb.Fatal(err)
	}
	return out
}

// mustRelabel sets the label n of a pod and returns the pod as stored.
func mustRelabel(tb testing.TB, s storage.Interface, namespace, name, n string) *example.Pod {
	tb.Helper()
	out := &example.Pod{}
	if err := s.GuaranteedUpdate(tb.Context(), podKey(namespace, name), out, false, nil,
		storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
			obj.(*example.Pod).Labels = map[string]string{"n": n}
			return obj, nil
		}), nil); err != nil {
		tb.Fatal(err)
	}
	return out
}

func mustDelete(tb testing.TB, s storage.Interface, namespace, name string) {
	tb.Helper()
	if err := s.Delete(tb.Context(), podKey(namespace, name), &example.Pod{}, nil, storage.ValidateAllObjectFunc, nil, storage.DeleteOptions{}); err != nil {
		tb.Fatal(err)
	}
}

// mustWatch watches all pods below key.
func mustWatch(tb testing.TB, s storage.Interface, key string, opts storage.ListOptions) watch.Interface {
	tb.Helper()
	if opts.Predicate.GetAttrs == nil {
		allow := opts.Predicate.AllowWatchBookmarks
		opts.Predicate = storage.Everything
		opts.Predicate.AllowWatchBookmarks = allow
	}
	opts.Recursive = true
	w, err := s.Watch(tb.Context(), key, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(w.Stop)
	return w
}

// line says of an event what the tests compare.
func line(e watch.Event) string {
	if status, ok := e.Object.(*metav1.Status); ok {
		return fmt.Sprintf("%s %d %s", e.Type, status.Code, status.Reason)
	}
	p, ok := Object(e.Object).(*example.Pod)
	if !ok {
		return fmt.Sprintf("%s %T", e.Type, e.Object)
	}
	s := fmt.Sprintf("%s %s@%s", e.Type, p.Name, p.ResourceVersion)
	if p.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
		s += " initial-events-end"
	}
	return s
}

// take reads n events.
func take(tb testing.TB, w watch.Interface, n int) []string {
	tb.Helper()
	var lines []string
	for range n {
		select {
		case e, ok := <-w.ResultChan():
			if !ok {
				return append(lines, "closed")
			}
			lines = append(lines, line(e))
		case <-time.After(2 * time.Minute):
			tb.Fatalf("no further event within 2m after %q", lines)
		}
	}
	return lines
}
