package memory

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/apis/example"
	examplev1 "k8s.io/apiserver/pkg/apis/example/v1"
	"k8s.io/apiserver/pkg/storage"
)

func getPod(t *testing.T, s storage.Interface, name string) *example.Pod {
	t.Helper()
	out := &example.Pod{}
	if err := s.Get(t.Context(), podKey("ns", name), storage.GetOptions{}, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func listPods(t *testing.T, s storage.Interface, opts storage.ListOptions) *example.PodList {
	t.Helper()
	opts.Recursive = true
	if opts.Predicate.Label == nil {
		limit, token := opts.Predicate.Limit, opts.Predicate.Continue
		opts.Predicate = storage.Everything
		opts.Predicate.Limit, opts.Predicate.Continue = limit, token
	}
	out := &example.PodList{}
	if err := s.GetList(t.Context(), "/pods", opts, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Nothing that a caller holds is what the storage holds.
func TestCallersCannotChangeWhatIsStored(t *testing.T) {
	t.Parallel()
	s := newPodStore(t, newTestBackend(t, Options{}))
	spoil := func(p *example.Pod) { p.Labels["n"], p.Name = "spoiled", "spoiled" }

	in := pod("ns", "a")
	in.Labels = map[string]string{"n": "1"}
	spoiled := mustCreate(t, s, in)
	want := spoiled.DeepCopy()
	w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: "1"})
	for _, p := range []*example.Pod{in, spoiled, getPod(t, s, "a"), &listPods(t, s, storage.ListOptions{}).Items[0]} {
		spoil(p)
	}
	event := <-w.ResultChan()
	spoil(event.Object.(*example.Pod))
	err := s.GuaranteedUpdate(t.Context(), podKey("ns", "a"), &example.Pod{}, false, nil,
		func(input runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
			spoil(input.(*example.Pod))
			return nil, nil, context.Canceled
		}, nil)
	if err == nil {
		t.Fatal("the update was meant to fail")
	}
	if diff := cmp.Diff(want, getPod(t, s, "a")); diff != "" {
		t.Errorf("stored object (-want +got):\n%s", diff)
	}
}

// What is read is what the codec leaves of what was written, as with etcd.
func TestObjectsGoThroughTheCodec(t *testing.T) {
	t.Parallel()
	s := newPodStore(t, newTestBackend(t, Options{}))
	in := pod("ns", "a")
	in.CreationTimestamp = metav1.Now()
	out := mustCreate(t, s, in)
	if got := out.CreationTimestamp.Nanosecond(); got != 0 {
		t.Errorf("the creation time has %d ns, want whole seconds", got)
	}
	if diff := cmp.Diff(out, getPod(t, s, "a")); diff != "" {
		t.Errorf("read back (-created +got):\n%s", diff)
	}
}

// Stores with other codecs on the same prefix see the same data, as the versions of a
// CustomResourceDefinition do.
func TestStoresOfOnePrefixShareTheirData(t *testing.T) {
	t.Parallel()
	b := newTestBackend(t, Options{})
	s := newPodStore(t, b)
	versioned, err := b.newStore(versionedCodec(t), "pods/", schema.GroupResource{Resource: "pods"},
		func() runtime.Object { return &examplev1.Pod{} })
	if err != nil {
		t.Fatal(err)
	}
	created := mustCreate(t, s, pod("ns", "a"))
	w := mustWatch(t, versioned, "/pods", storage.ListOptions{ResourceVersion: "1"})
	out := &examplev1.Pod{}
	if err := versioned.Get(t.Context(), podKey("ns", "a"), storage.GetOptions{}, out); err != nil {
		t.Fatal(err)
	}
	if out.Name != "a" || out.ResourceVersion != created.ResourceVersion {
		t.Errorf("got %s@%s, want a@%s", out.Name, out.ResourceVersion, created.ResourceVersion)
	}
	if e := <-w.ResultChan(); fmt.Sprintf("%T", e.Object) != "*v1.Pod" {
		t.Errorf("the event has a %T, want a *v1.Pod", e.Object)
	}
	list := &examplev1.PodList{}
	if err := s.GetList(t.Context(), "/pods", storage.ListOptions{Predicate: storage.Everything, Recursive: true}, list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Name != "a" {
		t.Errorf("a list of the other type has %v", list.Items)
	}
}

func TestPrefixesDoNotMix(t *testing.T) {
	t.Parallel()
	b := newTestBackend(t, Options{})
	s := newPodStore(t, b)
	sibling, err := b.newStore(exampleCodec(t), "/podsx", schema.GroupResource{Resource: "podsx"}, newPod)
	if err != nil {
		t.Fatal(err)
	}
	if err := sibling.Create(t.Context(), "/podsx/ns/a", pod("ns", "a"), nil, 0); err != nil {
		t.Fatal(err)
	}
	if got := len(listPods(t, s, storage.ListOptions{}).Items); got != 0 {
		t.Errorf("/pods lists %d objects of /podsx", got)
	}
	mustCreate(t, s, pod("n", "a"))
	mustCreate(t, s, pod("ns", "a"))
	out := &example.PodList{}
	if err := s.GetList(t.Context(), "/pods/n", storage.ListOptions{Predicate: storage.Everything, Recursive: true}, out); err != nil {
		t.Fatal(err)
	}
	if len(out.Items) != 1 || out.Items[0].Namespace != "n" {
		t.Errorf("namespace n lists %v", out.Items)
	}
}

func TestNewStoreRefuses(t *testing.T) {
	t.Parallel()
	b := newTestBackend(t, Options{})
	tests := map[string]struct {
		codec  runtime.Codec
		prefix string
		want   string
	}{
		"no prefix": {exampleCodec(t), "/", `resource pods has the storage prefix "/", which names nothing: use one like "/group/resource"`},
		"no codec":  {nil, "/pods", "resource pods has no codec: give the RESTOptionsGetter one that encodes it"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := b.newStore(tt.codec, tt.prefix, schema.GroupResource{Resource: "pods"}, newPod)
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// Pages agree with the first one whatever is written between them.
func TestPagesAreOneSnapshot(t *testing.T) {
	t.Parallel()
	s := newPodStore(t, newTestBackend(t, Options{}))
	for i := range 10 {
		mustCreate(t, s, pod("ns", fmt.Sprintf("a%d", i)))
	}
	var names, remaining []string
	token, revision := "", ""
	for page := 0; page == 0 || token != ""; page++ {
		list := listPods(t, s, storage.ListOptions{Predicate: storage.SelectionPredicate{Limit: 3, Continue: token}})
		for _, p := range list.Items {
			names = append(names, p.Name+p.Labels["n"])
		}
		if page > 0 && list.ResourceVersion != revision {
			t.Errorf("page %d is of revision %s, the first of %s", page, list.ResourceVersion, revision)
		}
		if list.RemainingItemCount != nil {
			remaining = append(remaining, fmt.Sprint(*list.RemainingItemCount))
		}
		token, revision = list.Continue, list.ResourceVersion
		mustCreate(t, s, pod("ns", fmt.Sprintf("b%d", page)))
		mustRelabel(t, s, "ns", "a9", fmt.Sprint("-changed-", page))
		if page == 1 {
			mustDelete(t, s, "ns", "a8")
		}
	}
	if diff := cmp.Diff("a0 a1 a2 a3 a4 a5 a6 a7 a8 a9", strings.Join(names, " ")); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("7 4 1", strings.Join(remaining, " ")); diff != "" {
		t.Errorf("remaining (-want +got):\n%s", diff)
	}
}

// Concurrent writers of one object lose no update, and a watch sees every one of them once.
func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 50
	s := newPodStore(t, newTestBackend(t, Options{}))
	created := mustCreate(t, s, pod("ns", "a"))
	w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: created.ResourceVersion})
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				err := s.GuaranteedUpdate(t.Context(), podKey("ns", "a"), &example.Pod{}, false, nil,
					storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
						obj.(*example.Pod).Generation++
						return obj, nil
					}), nil)
				if err != nil {
					t.Error(err)
				}
				name := fmt.Sprintf("other-%d-%d", i, j)
				if err := s.Create(t.Context(), podKey("other", name), pod("other", name), nil, 0); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var generation, others int64
	last := uint64(0)
	for generation+others < 2*writers*each {
		p := (<-w.ResultChan()).Object.(*example.Pod)
		revision, err := s.Versioner().ParseResourceVersion(p.ResourceVersion)
		if err != nil || revision <= last {
			t.Fatalf("revision %s after %d: %v", p.ResourceVersion, last, err)
		}
		last = revision
		if p.Name != "a" {
			others++
			continue
		}
		if generation++; p.Generation != generation {
			t.Fatalf("generation %d after %d", p.Generation, generation-1)
		}
	}
	wg.Wait()
	if got := getPod(t, s, "a").Generation; got != writers*each {
		t.Errorf("%d updates arrived, want %d", got, writers*each)
	}
}

func TestClosedBackend(t *testing.T) {
	t.Parallel()
	b := newTestBackend(t, Options{})
	s := newPodStore(t, b)
	w := mustWatch(t, s, "/pods", storage.ListOptions{})
	if err := s.ReadinessCheck(); err != nil {
		t.Errorf("not ready before: %v", err)
	}
	b.Close()
	b.Close()
	if diff := cmp.Diff([]string{"closed"}, take(t, w, 1)); diff != "" {
		t.Errorf("watch (-want +got):\n%s", diff)
	}
	if err := s.ReadinessCheck(); err == nil {
		t.Error("ready after Close")
	}
	_, watchErr := s.Watch(t.Context(), "/pods", storage.ListOptions{Predicate: storage.Everything, Recursive: true})
	for what, err := range map[string]error{
		"create": s.Create(t.Context(), "/pods/a", pod("", "a"), nil, 0),
		"get":    s.Get(t.Context(), "/pods/a", storage.GetOptions{}, &example.Pod{}),
		"list":   s.GetList(t.Context(), "/pods", storage.ListOptions{Predicate: storage.Everything, Recursive: true}, &example.PodList{}),
		"watch":  watchErr,
	} {
		if !storage.IsUnreachable(err) {
			t.Errorf("%s: got %v, want unreachable", what, err)
		}
	}
}
