package conformance

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kagg-project/kagg/conformance/internal/harness"
	"github.com/kagg-project/kagg/conformance/releases/informers"
)

const (
	// syncTimeout is how long informers may take to hold what kagg holds: after a
	// restart they wait up to half a minute before they ask again.
	syncTimeout = 2 * time.Minute
	// allChanges is how many changes informers have to follow.
	allChanges = 10_000
	// writers is how many changes are made at once.
	writers = 16
	// history is how many events of each kind kagg keeps for the compaction.
	history = 20
)

// informerPrograms are the releases and the ways in which they read.
var informerPrograms = []harness.InformersProgram{
	{Release: "v0.27", Encodings: "json,protobuf"},
	{Release: "v0.33", Encodings: "json,protobuf", Env: []string{"KUBE_FEATURE_WatchListClient=false"}},
	{Release: "v0.33", Encodings: "json,protobuf", Env: []string{"KUBE_FEATURE_WatchListClient=true"}},
	{Release: "v0.37", Encodings: "json,protobuf,cbor", Env: []string{"KUBE_FEATURE_WatchListClient=false", "KUBE_FEATURE_ClientsAllowCBOR=true", "KUBE_FEATURE_ClientsPreferCBOR=true"}},
	{Release: "v0.37", Encodings: "json,protobuf,cbor", Env: []string{"KUBE_FEATURE_WatchListClient=true", "KUBE_FEATURE_ClientsAllowCBOR=true", "KUBE_FEATURE_ClientsPreferCBOR=true"}},
}

// contentTypes are those of watches, contentTypesOfLists those of lists.
var (
	contentTypes = map[string][]string{
		informers.JSON:     {"application/json"},
		informers.Protobuf: {"application/vnd.kubernetes.protobuf;stream=watch"},
		informers.CBOR:     {"application/cbor-seq"},
	}
	contentTypesOfLists = map[string][]string{
		informers.JSON:     {"application/json"},
		informers.Protobuf: {"application/vnd.kubernetes.protobuf"},
		informers.CBOR:     {"application/cbor"},
	}
)

// TestInformers holds that the informers of several releases of client-go, on every
// served kind, in every encoding, with and without the initial events in a watch,
// hold what kagg holds. The subtests are steps: each builds on those before it.
//
//nolint:paralleltest // Steps have an order.
func TestInformers(t *testing.T) {
	t.Parallel()
	harness.Prepare("releases/v0.27/informers", "releases/v0.33/informers")
	w := newWatched(t)
	w.createSamples(t)
	for _, program := range informerPrograms {
		w.running = append(w.running, program.Start(t, w.kagg))
	}
	t.Run("sync", func(t *testing.T) {
		w.expect(t)
		for i, program := range informerPrograms {
			w.checkTraffic(t, w.running[i], program)
		}
	})
	t.Run("changes", func(t *testing.T) {
		w.change(t, allChanges)
		w.expect(t)
	})
	t.Run("restart", func(t *testing.T) {
		before := w.expect(t)
		w.kagg.Restart(t)
		if differences := diff(before, w.list(t)); len(differences) > 0 {
			t.Fatalf("kagg lost something over the restart:\n%s", harness.Head(differences, 20))
		}
		w.change(t, len(w.resources))
		w.expect(t)
	})
	t.Run("compaction", w.compaction)
}

// checkTraffic holds that the informers read in the ways that they were told.
func (w *watched) checkTraffic(t *testing.T, running *harness.Informers, program harness.InformersProgram) {
	t.Helper()
	answer, err := running.Compare(w.list(t), syncTimeout)
	if err != nil {
		t.Fatal(err)
	}
	// A test binary does not know what it is made of; its go.mod says it.
	if program.Release != "v0.37" && !strings.HasPrefix(answer.ClientGo, program.Release+".") {
		t.Errorf("%s: it is made of client-go %s", running.Name, answer.ClientGo)
	}
	if streams := slices.Contains(program.Env, "KUBE_FEATURE_WatchListClient=true"); streams != (answer.StreamedLists > 0) {
		t.Errorf("%s: %d of %d complete states came as the initial events of a watch", running.Name, answer.StreamedLists, answer.Lists)
	}
	for encoding := range strings.SplitSeq(program.Encodings, ",") {
		types := contentTypes[encoding]
		if answer.StreamedLists == 0 {
			types = append(types, contentTypesOfLists[encoding]...)
		}
		for _, contentType := range types {
			if !slices.Contains(answer.ContentTypes, contentType) {
				t.Errorf("%s: no answer was %s, only %v", running.Name, contentType, answer.ContentTypes)
			}
		}
	}
	t.Logf("%s %v: %d informers, %d complete states, %d of them streamed", running.Name, program.Env, answer.Informers, answer.Lists, answer.StreamedLists)
}

// change makes n changes: four of five to what is there, of every kind in turn, the
// fifth creates something, and every other of these is deleted again.
func (w *watched) change(t *testing.T, n int) {
	t.Helper()
	state := w.list(t)
	start := time.Now()
	changes := make(chan int)
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for i := range changes {
				if err := w.changeOne(t.Context(), state, i, start); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		changes <- i
	}
	close(changes)
	wait.Wait()
	t.Logf("%d changes took %s", n, time.Since(start).Round(time.Millisecond))
}

// changeOne makes the i-th change.
func (w *watched) changeOne(ctx context.Context, state informers.State, i int, start time.Time) error {
	if i%5 == 4 {
		return w.createOne(ctx, i, start)
	}
	return w.patchOne(ctx, state, w.resources[(i-i/5)%len(w.resources)], i)
}

// patchOne annotates the first object of a kind.
func (w *watched) patchOne(ctx context.Context, state informers.State, resource schema.GroupVersionResource, i int) error {
	key := slices.Min(slices.Collect(maps.Keys(state[informers.Name(resource)])))
	namespace, name, namespaced := strings.Cut(key, "/")
	if !namespaced {
		namespace, name = "", key
	}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"example.com/change":"%d"}}}`, i)
	_, err := w.metadata.Resource(resource).Namespace(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("changing %s %s: %w", informers.Name(resource), key, err)
	}
	return nil
}

// createOne creates an object, and deletes every other.
func (w *watched) createOne(ctx context.Context, i int, start time.Time) error {
	kinds := []schema.GroupVersionKind{
		{Version: "v1", Kind: "ConfigMap"},
		{Version: "v1", Kind: "Secret"},
		{Group: "coordination.k8s.io", Version: "v1", Kind: "Lease"},
		{Group: "sample.example.com", Version: "v1", Kind: "Sample"},
	}
	var obj unstructured.Unstructured
	obj.SetGroupVersionKind(kinds[i/5%len(kinds)])
	obj.SetNamespace("informers")
	obj.SetName(fmt.Sprintf("change-%d-%d", start.UnixMilli(), i))
	mapping, err := w.mapper.RESTMapping(obj.GroupVersionKind().GroupKind())
	if err != nil {
		return err
	}
	client := w.dynamic.Resource(mapping.Resource).Namespace(obj.GetNamespace())
	if _, err := client.Create(ctx, &obj, metav1.CreateOptions{}); err != nil {
		return err
	}
	if i%2 == 0 {
		return nil
	}
	return client.Delete(ctx, obj.GetName(), metav1.DeleteOptions{})
}

// compaction makes kagg forget, while the informers do not look, what they have seen
// last of every kind: they have to read everything again.
func (w *watched) compaction(t *testing.T) {
	state := w.expect(t)
	before := make([]informers.Answer, len(w.running))
	for i, running := range w.running {
		var err error
		if before[i], err = running.Compare(state, syncTimeout); err != nil {
			t.Fatal(err)
		}
		running.Pause(t)
	}
	seen, err := w.metadata.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.kagg.Restart(t, fmt.Sprintf("--watch-history=%d", history))
	for i := range history + 5 {
		for _, resource := range w.resources {
			if err := w.patchOne(t.Context(), state, resource, i); err != nil {
				t.Fatal(err)
			}
		}
	}
	code, body, err := w.kagg.Client(t).Get(t.Context(), "/api/v1/configmaps?watch=true&timeoutSeconds=5&resourceVersion="+seen.ResourceVersion)
	if err != nil || code != http.StatusOK && code != http.StatusGone || !strings.Contains(body, `"code":410`) {
		t.Fatalf("a watch of what was forgotten: %d %s %v, 410 was wanted", code, body, err)
	}
	for _, running := range w.running {
		running.Resume(t)
	}
	state = w.expect(t)
	for i, running := range w.running {
		after, err := running.Compare(state, syncTimeout)
		if err != nil {
			t.Fatal(err)
		}
		if again := after.Lists - before[i].Lists; again < int64(after.Informers) {
			t.Errorf("%s: %d of %d informers read everything again", running.Name, again, after.Informers)
		}
	}
}

// diff names what differs between two states of kagg.
func diff(want, got informers.State) []string {
	var out []string
	for _, resource := range slices.Sorted(maps.Keys(want)) {
		out = append(out, informers.Diff(resource, want[resource], got[resource])...)
	}
	return out
}
