package delegate_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// TestWatchesLeaveNothing opens many watches over HTTP, lets each see every change, hangs up, and wants
// the goroutines back.
func TestWatchesLeaveNothing(t *testing.T) { //nolint:paralleltest // counts goroutines
	const watches, objects = 40, 50
	config := listen(t, newServer(t, nil), func(*http.Request) {})
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c := client.CoreV1().ConfigMaps("default")
	if _, err := c.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: object("first")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var opened, seen, ended sync.WaitGroup
	opened.Add(watches)
	seen.Add(watches)
	for range watches {
		ended.Go(func() {
			watchLines(ctx, t, config.Host+"/api/v1/namespaces/default/configmaps?watch=1&labelSelector=counted", 2*objects, opened.Done, seen.Done)
		})
	}
	opened.Wait()
	for i := range objects {
		name := fmt.Sprintf("c%d", i)
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"counted": ""}}}
		if _, err := c.Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := c.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	seen.Wait()
	cancel()
	ended.Wait()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(30 * time.Second); runtime.NumGoroutine() > before+watches/4; {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}

// watchLines reads events until ctx ends and tells when it began and when it has seen want.
func watchLines(ctx context.Context, t *testing.T, url string, want int, opened, seen func()) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
		return
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	opened()
	if err != nil {
		t.Error(err)
		seen()
		return
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	for n := 1; lines.Scan(); n++ {
		if n == want {
			seen()
		}
	}
}
