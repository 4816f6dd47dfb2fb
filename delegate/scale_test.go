package delegate_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/memory"
)

// BenchmarkWatchers is one change of a ConfigMap until a thousand watches through the HTTP handlers have
// read it, each encoded on its own or once for all.
func BenchmarkWatchers(b *testing.B) {
	for _, share := range []bool{false, true} {
		b.Run(fmt.Sprintf("share=%v", share), func(b *testing.B) { benchmarkWatchers(b, share) })
	}
}

func benchmarkWatchers(b *testing.B, share bool) {
	const watchers = 1000
	backend := memory.NewBackend(memory.Options{ShareEncoding: share})
	b.Cleanup(backend.Close)
	s := newServer(b, onBackend(backend))
	client := kubernetes.NewForConfigOrDie(s.ClientConfig()).CoreV1().ConfigMaps("default")
	m, err := client.Create(b.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Data: map[string]string{"text": strings.Repeat("x", 2000)}}, metav1.CreateOptions{})
	if err != nil {
		b.Fatal(err)
	}
	var arrived, ended sync.WaitGroup
	ctx, cancel := context.WithCancel(b.Context())
	for range watchers {
		lines := eventLines(ctx, b, s.ClientConfig(), m.ResourceVersion)
		ended.Go(func() {
			for range lines {
				arrived.Done()
			}
		})
	}
	n, before := 0, cpu()
	for b.Loop() {
		n++
		arrived.Add(watchers)
		m.Data["n"] = fmt.Sprint(n)
		if m, err = client.Update(b.Context(), m, metav1.UpdateOptions{}); err != nil {
			b.Fatal(err)
		}
		arrived.Wait()
	}
	b.ReportMetric(float64(cpu()-before)/float64(n)/1e6, "cpu-ms/event")
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(mem.HeapAlloc>>20), "heap-MiB")
	cancel()
	ended.Wait()
}

// cpu is what the process has used, in nanoseconds.
func cpu() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}

// onBackend is a server whose objects are in b.
func onBackend(b *memory.Backend) func(*delegate.Config) {
	return func(c *delegate.Config) { c.RESTOptionsGetter = b.RESTOptionsGetter(delegate.StorageCodec) }
}

// eventLines opens a watch of the ConfigMaps of the default namespace and sends each event's line.
func eventLines(ctx context.Context, tb testing.TB, config *rest.Config, from string) <-chan string {
	tb.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		tb.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+"/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=600&resourceVersion="+from, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		defer func() { _ = resp.Body.Close() }()
		scanner := bufio.NewScanner(resp.Body)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return lines
}

// Watches through the HTTP handlers get every event; one that nobody reads holds nobody up, and is ended with
// a 410 once the history has passed it.
func TestSlowWatcher(t *testing.T) {
	t.Parallel()
	backend := memory.NewBackend(memory.Options{ShareEncoding: true, HistoryLimit: 50, WatchBuffer: 1})
	t.Cleanup(backend.Close)
	s := newServer(t, onBackend(backend))
	client := kubernetes.NewForConfigOrDie(s.ClientConfig()).CoreV1().ConfigMaps("default")
	m, err := client.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Data: map[string]string{"text": strings.Repeat("x", 100_000)}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	fast := eventLines(t.Context(), t, s.ClientConfig(), m.ResourceVersion)
	slow := eventLines(t.Context(), t, s.ClientConfig(), m.ResourceVersion)
	for i := range 300 {
		m.Data["n"] = fmt.Sprint(i)
		if m, err = client.Update(t.Context(), m, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-fast:
			if !strings.Contains(got, fmt.Sprintf(`"resourceVersion":"%s"`, m.ResourceVersion)) {
				t.Fatalf("event %d is not of revision %s: %.300s", i, m.ResourceVersion, got)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("event %d did not come within 30s", i)
		}
	}
	last, n := "", 0
	for got := range slow {
		last, n = got, n+1
	}
	if n >= 300 || !strings.Contains(last, `"code":410`) || !strings.Contains(last, "too old resource version") {
		t.Errorf("after %d events the slow watch ended with %.300s", n, last)
	}
}
