package memory

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
)

// A watch that nobody reads is ended with a 410 once it needs an event that the history has
// dropped. Writers and other watches do not notice it. The bubble ends only when every goroutine has.
func TestSlowWatchEndsWith410(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const created = 3 * batchSize
		b := newTestBackend(t, Options{HistoryLimit: 10, WatchBuffer: 2})
		s := newPodStore(t, b)
		slow := mustWatch(t, s, "/pods", storage.ListOptions{})
		fast := mustWatch(t, s, "/pods", storage.ListOptions{})
		for i := range created {
			mustCreate(t, s, pod("ns", fmt.Sprint(i)))
			want := fmt.Sprintf("ADDED %d@%d", i, i+2)
			if diff := cmp.Diff([]string{want}, take(t, fast, 1)); diff != "" {
				t.Fatalf("fast watch (-want +got):\n%s", diff)
			}
			synctest.Wait() // the slow watch does all that it can
		}
		var lines []string
		for e := range slow.ResultChan() {
			lines = append(lines, line(e))
		}
		// Two wait in the channel and one is being sent.
		want := []string{"ADDED 0@2", "ADDED 1@3", "ADDED 2@4", "ERROR 410 Expired"}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("slow watch (-want +got):\n%s", diff)
		}
		if got := len(s.table.events); got != 10 {
			t.Errorf("the history has %d events, want 10", got)
		}
	})
}

func TestWatchFromOldRevision(t *testing.T) {
	t.Parallel()
	s := newPodStore(t, newTestBackend(t, Options{HistoryLimit: 3}))
	for i := range 5 { // revisions 2 to 6, of which 4, 5 and 6 stay
		mustCreate(t, s, pod("ns", fmt.Sprint(i)))
	}
	tests := map[string]struct {
		opts storage.ListOptions
		want []string
	}{
		"still there":       {storage.ListOptions{ResourceVersion: "3"}, []string{"ADDED 2@4", "ADDED 3@5", "ADDED 4@6"}},
		"in the middle":     {storage.ListOptions{ResourceVersion: "5"}, []string{"ADDED 4@6"}},
		"dropped":           {storage.ListOptions{ResourceVersion: "2"}, []string{"ERROR 410 Expired", "closed"}},
		"zero":              {storage.ListOptions{ResourceVersion: "0"}, []string{"ADDED 0@2", "ADDED 1@3", "ADDED 2@4", "ADDED 3@5", "ADDED 4@6"}},
		"initial, too new":  {storage.ListOptions{ResourceVersion: "99", SendInitialEvents: new(true)}, []string{"ERROR 504 Timeout", "closed"}},
		"initial, dropped":  {storage.ListOptions{ResourceVersion: "2", SendInitialEvents: new(true)}, []string{"ADDED 0@2", "ADDED 1@3"}},
		"initial, bookmark": {storage.ListOptions{SendInitialEvents: new(true), Predicate: storage.SelectionPredicate{AllowWatchBookmarks: true}}, []string{"ADDED 0@2", "ADDED 1@3", "ADDED 2@4", "ADDED 3@5", "ADDED 4@6", "BOOKMARK @6 initial-events-end"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := take(t, mustWatch(t, s, "/pods", tt.opts), len(tt.want))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

// A watch from a revision that is yet to come begins behind it.
func TestWatchFromFutureRevision(t *testing.T) {
	t.Parallel()
	s := newPodStore(t, newTestBackend(t, Options{}))
	w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: "3"})
	for i := range 3 {
		mustCreate(t, s, pod("ns", fmt.Sprint(i)))
	}
	if diff := cmp.Diff([]string{"ADDED 2@4"}, take(t, w, 1)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestWatchPredicateTransitions(t *testing.T) {
	t.Parallel()
	for _, share := range []bool{false, true} {
		t.Run(fmt.Sprintf("share=%v", share), func(t *testing.T) {
			t.Parallel()
			s := newPodStore(t, newTestBackend(t, Options{ShareEncoding: share}))
			w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: "1", Predicate: storage.SelectionPredicate{
				Label:    labels.SelectorFromSet(labels.Set{"n": "yes"}),
				Field:    fields.Everything(),
				GetAttrs: storage.DefaultNamespaceScopedAttr,
			}})
			mustCreate(t, s, pod("ns", "a"))             // 2: does not match
			mustRelabel(t, s, "ns", "a", "yes")          // 3: begins to
			mustRelabel(t, s, "ns", "a", "yes")          // no change
			out := mustRelabel(t, s, "ns", "a", "no")    // 4: ends to
			again := mustRelabel(t, s, "ns", "a", "yes") // 5: begins again
			mustDelete(t, s, "ns", "a")                  // 6
			if out.ResourceVersion != "4" || again.ResourceVersion != "5" {
				t.Fatalf("revisions %s and %s, want 4 and 5", out.ResourceVersion, again.ResourceVersion)
			}
			want := []string{"ADDED a@3", "DELETED a@4", "ADDED a@5", "DELETED a@6"}
			if diff := cmp.Diff(want, take(t, w, len(want))); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			// The events' revisions are theirs alone: the history still has the objects' own.
			list := listPods(t, s, storage.ListOptions{ResourceVersion: "3", ResourceVersionMatch: metav1.ResourceVersionMatchExact})
			if got := list.Items[0].ResourceVersion; got != "3" {
				t.Errorf("the object at revision 3 has the resource version %s", got)
			}
		})
	}
}

func TestBookmarks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newTestBackend(t, Options{})
		s := newPodStore(t, b)
		opts := storage.ListOptions{ResourceVersion: "1", Predicate: storage.SelectionPredicate{AllowWatchBookmarks: true}}
		w := mustWatch(t, s, "/pods", opts)
		silent := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: "1"})
		begun := time.Now()
		mustCreate(t, s, pod("ns", "a"))
		other, err := b.newStore(exampleCodec(t), "/others", s.resource, newPod)
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Create(t.Context(), "/others/x", pod("", "x"), nil, 0); err != nil {
			t.Fatal(err)
		}
		want := []string{"ADDED a@2", "BOOKMARK @3", "BOOKMARK @3"}
		if diff := cmp.Diff(want, take(t, w, len(want))); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if got := time.Since(begun); got != 2*time.Minute {
			t.Errorf("two bookmarks took %s, want 2m", got)
		}
		take(t, silent, 1)
		if got := len(silent.ResultChan()); got != 0 {
			t.Errorf("a watch that asked for no bookmarks has %d more events", got)
		}
	})
}

// A watch gets a bookmark two seconds before its deadline, and ends with it.
func TestLastBookmark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newPodStore(t, newTestBackend(t, Options{}))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		pred := storage.Everything
		pred.AllowWatchBookmarks = true
		w, err := s.Watch(ctx, "/pods", storage.ListOptions{ResourceVersion: "1", Recursive: true, Predicate: pred})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var got []string
		for e := range w.ResultChan() {
			got = append(got, fmt.Sprintf("%s after %s", line(e), time.Since(begun)))
		}
		got = append(got, fmt.Sprintf("closed after %s", time.Since(begun)))
		if diff := cmp.Diff([]string{"BOOKMARK @1 after 28s", "closed after 30s"}, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestRequestWatchProgress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newPodStore(t, newTestBackend(t, Options{}))
		w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: "1", ProgressNotify: true})
		synctest.Wait()
		if err := s.RequestWatchProgress(t.Context()); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if diff := cmp.Diff([]string{"BOOKMARK @1"}, take(t, w, 1)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if got := time.Since(begun); got != 0 {
			t.Errorf("the bookmark took %s", got)
		}
	})
}

func TestTimeToLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newPodStore(t, newTestBackend(t, Options{}))
		w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: "1"})
		begun := time.Now()
		for _, name := range []string{"ends", "renewed", "kept"} {
			if err := s.Create(t.Context(), podKey("ns", name), pod("ns", name), nil, 10); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(5 * time.Second) // of the bubble's clock
		for name, ttl := range map[string]*uint64{"renewed": new(uint64(20)), "kept": nil} {
			err := s.GuaranteedUpdate(t.Context(), podKey("ns", name), &example.Pod{}, false, nil,
				func(obj runtime.Object, _ storage.ResponseMeta) (runtime.Object, *uint64, error) {
					obj.(*example.Pod).Generation++
					return obj, ttl, nil
				}, nil)
			if err != nil {
				t.Fatal(err)
			}
		}
		take(t, w, 5)
		var got []string
		for range 2 {
			got = append(got, fmt.Sprintf("%s after %s", take(t, w, 1)[0], time.Since(begun)))
		}
		if diff := cmp.Diff([]string{"DELETED ends@7 after 10s", "DELETED renewed@8 after 25s"}, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if got := len(s.table.timers); got != 0 {
			t.Errorf("%d timers are left", got)
		}
		if got := getPod(t, s, "kept").Name; got != "kept" {
			t.Errorf("got %q", got)
		}
	})
}

// Large objects are dropped from the history by their size.
func TestHistoryBytes(t *testing.T) {
	t.Parallel()
	s := newPodStore(t, newTestBackend(t, Options{HistoryBytes: 10_000}))
	large := pod("ns", "large")
	large.Annotations = map[string]string{"x": strings.Repeat("x", 20_000)}
	mustCreate(t, s, pod("ns", "a"))
	mustCreate(t, s, large)
	if got := len(s.table.events); got != 1 {
		t.Errorf("the history has %d events, want the newest only", got)
	}
	mustCreate(t, s, pod("ns", "b"))
	mustCreate(t, s, pod("ns", "c"))
	if events, size := len(s.table.events), s.table.historyBytes; events != 2 || size > 10_000 {
		t.Errorf("the history has %d events of %d bytes, want 2 of at most 10000", events, size)
	}
}

// Watches of one event share its encodings; the encoders get copies.
func TestSharedEncoding(t *testing.T) {
	t.Parallel()
	const watches = 50
	s := newPodStore(t, newTestBackend(t, Options{ShareEncoding: true}))
	var mu sync.Mutex
	calls := map[runtime.Identifier]int{}
	var wg sync.WaitGroup
	for range watches {
		w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: "1"})
		wg.Go(func() {
			shared, ok := (<-w.ResultChan()).Object.(runtime.CacheableObject)
			if !ok {
				t.Error("the event has no shared object")
				return
			}
			for _, id := range []runtime.Identifier{"json", "yaml"} {
				var out bytes.Buffer
				err := shared.CacheEncode(id, func(obj runtime.Object, w io.Writer) error {
					mu.Lock()
					calls[id]++
					mu.Unlock()
					p := obj.(*example.Pod)
					p.Kind = "changed by the encoder"
					_, err := fmt.Fprint(w, id, p.Name)
					return err
				}, &out)
				if err != nil || out.String() != string(id)+"a" {
					t.Errorf("encoded %q: %v", out.String(), err)
				}
			}
			if kind := shared.GetObject().GetObjectKind().GroupVersionKind().Kind; kind != "" {
				t.Errorf("the kind is %q", kind)
			}
		})
	}
	mustCreate(t, s, pod("ns", "a"))
	wg.Wait()
	if diff := cmp.Diff(map[runtime.Identifier]int{"json": 1, "yaml": 1}, calls); diff != "" {
		t.Errorf("calls of the encoders (-want +got):\n%s", diff)
	}
}

// Stopping watches in any state ends their goroutines: the bubble would not end otherwise.
func TestStoppedWatchesEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newPodStore(t, newTestBackend(t, Options{WatchBuffer: 1}))
		for i := range 10 {
			mustCreate(t, s, pod("ns", fmt.Sprint(i)))
		}
		bookmarks := storage.SelectionPredicate{AllowWatchBookmarks: true}
		for _, opts := range []storage.ListOptions{
			{ResourceVersion: "0"},                        // blocked on the initial events
			{ResourceVersion: "1"},                        // blocked on events
			{ResourceVersion: "11"},                       // waiting
			{ResourceVersion: "11", Predicate: bookmarks}, // waiting with a timer
			{ResourceVersion: "99", SendInitialEvents: new(true)},
		} {
			w := mustWatch(t, s, "/pods", opts)
			synctest.Wait()
			w.Stop()
			w.Stop()
		}
		synctest.Wait()
	})
}

// Events of other namespaces and of keys that only begin alike do not reach a watch.
func TestWatchKey(t *testing.T) {
	t.Parallel()
	s := newPodStore(t, newTestBackend(t, Options{}))
	namespace := mustWatch(t, s, "/pods/a", storage.ListOptions{ResourceVersion: "1"})
	single, err := s.Watch(t.Context(), podKey("a", "x"), storage.ListOptions{ResourceVersion: "1", Predicate: storage.Everything})
	if err != nil {
		t.Fatal(err)
	}
	defer single.Stop()
	for _, p := range []*example.Pod{pod("ab", "x"), pod("a", "xy"), pod("a", "x"), pod("b", "x")} {
		mustCreate(t, s, p)
	}
	mustDelete(t, s, "a", "x")
	got := slices.Concat(take(t, namespace, 3), take(t, single, 2))
	want := []string{"ADDED xy@3", "ADDED x@4", "DELETED x@6", "ADDED x@4", "DELETED x@6"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
