package memory

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
)

// One hundred thousand objects and a thousand watches: every list page and every event arrives, and a
// write stays cheap.
func TestScale(t *testing.T) {
	t.Parallel()
	objects, watches, updates := 100_000, 1_000, 100
	if testing.Short() || raceEnabled {
		objects, watches, updates = 10_000, 200, 50
	}
	s := newPodStore(t, newTestBackend(t, Options{}))
	begun := time.Now()
	for i := range objects {
		mustCreate(t, s, pod(fmt.Sprintf("ns-%d", i%1000), fmt.Sprintf("pod-%d", i)))
	}
	t.Logf("%d objects created in %s", objects, time.Since(begun))

	begun = time.Now()
	total, token := 0, ""
	for page := 0; page == 0 || token != ""; page++ {
		list := listPods(t, s, storage.ListOptions{Predicate: storage.SelectionPredicate{Limit: 500, Continue: token}})
		total, token = total+len(list.Items), list.Continue
	}
	if total != objects {
		t.Errorf("the pages have %d objects, want %d", total, objects)
	}
	t.Logf("listed in pages of 500 in %s", time.Since(begun))

	from := fmt.Sprint(s.backend.Revision())
	var wg sync.WaitGroup
	for range watches {
		w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: from})
		wg.Go(func() {
			for i := range updates {
				e := <-w.ResultChan()
				if p, ok := e.Object.(*example.Pod); !ok || p.Labels["n"] != fmt.Sprint(i) {
					t.Errorf("event %d is %s", i, line(e))
					return
				}
			}
			w.Stop()
		})
	}
	begun = time.Now()
	for i := range updates {
		mustRelabel(t, s, fmt.Sprintf("ns-%d", i), fmt.Sprintf("pod-%d", i), fmt.Sprint(i))
	}
	written := time.Since(begun)
	wg.Wait()
	t.Logf("%d updates written in %s, at %d watches after %s", updates, written, watches, time.Since(begun))
	if got := len(s.table.events); got > defaultHistoryLimit {
		t.Errorf("the history has %d events", got)
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("heap in use: %d MiB", m.HeapInuse>>20)
}
