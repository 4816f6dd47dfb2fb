package memory

import (
	"fmt"
	"sync"
	"testing"

	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
)

func BenchmarkCreate(b *testing.B) {
	s := newPodStore(b, newTestBackend(b, Options{}))
	i := 0
	for b.Loop() {
		mustCreate(b, s, pod("ns", fmt.Sprint(i)))
		i++
	}
}

func BenchmarkGet(b *testing.B) {
	s := newPodStore(b, newTestBackend(b, Options{}))
	mustCreate(b, s, pod("ns", "a"))
	for b.Loop() {
		if err := s.Get(b.Context(), podKey("ns", "a"), storage.GetOptions{}, &example.Pod{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList10k(b *testing.B) {
	s := newPodStore(b, newTestBackend(b, Options{}))
	for i := range 10_000 {
		mustCreate(b, s, pod("ns", fmt.Sprint(i)))
	}
	for b.Loop() {
		out := &example.PodList{}
		if err := s.GetList(b.Context(), "/pods", storage.ListOptions{Predicate: storage.Everything, Recursive: true}, out); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWatchFanOut is one update until a thousand watches have it.
func BenchmarkWatchFanOut(b *testing.B) {
	for _, share := range []bool{false, true} {
		b.Run(fmt.Sprintf("share=%v", share), func(b *testing.B) {
			s := newPodStore(b, newTestBackend(b, Options{ShareEncoding: share}))
			mustCreate(b, s, pod("ns", "a"))
			var arrived, ended sync.WaitGroup
			for range 1000 {
				w := mustWatch(b, s, "/pods", storage.ListOptions{ResourceVersion: "2"})
				ended.Go(func() {
					for range w.ResultChan() {
						arrived.Done()
					}
				})
			}
			i := 0
			for b.Loop() {
				arrived.Add(1000)
				mustRelabel(b, s, "ns", "a", fmt.Sprint(i))
				arrived.Wait()
				i++
			}
			s.backend.Close()
			ended.Wait()
		})
	}
}
