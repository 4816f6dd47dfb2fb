package aggregator_test

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/server/options"

	"github.com/kagg-project/kagg/aggregator"
)

// With everything on, kagg stops at once, with a watch open and with nobody who
// takes the spans, and leaves nothing.
//
//nolint:paralleltest // it counts the goroutines of the process
func TestStopWithEverythingOn(t *testing.T) {
	live := func() {
		_, change := audited(t, policy, func(o *options.AuditOptions) {
			o.LogOptions.MaxSize = 0 // the rotating library keeps a goroutine for each file
			o.LogOptions.BatchOptions.Mode = options.ModeBatch
		})
		r := newRig(t, func(c *aggregator.Config) {
			change(c)
			fair(c)
			c.Observability.TracingConfigFile = tracingFile(t, fmt.Sprintf("endpoint: %s\nsamplingRatePerMillion: 1000000\n", "127.0.0.1:1"))
			c.Observability.StrictTransportSecurity, c.Observability.GoawayChance = []string{"max-age=60"}, 0.02
		})
		r.asCrowd()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.aggregator.URL()+"/api/v1/namespaces?watch=true", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if got := resp.Header.Get("Strict-Transport-Security"); got != "max-age=60" {
			t.Errorf("Strict-Transport-Security is %q", got)
		}
		start := time.Now()
		r.stop()
		r.client.CloseIdleConnections()
		if took := time.Since(start); took > stopPatience {
			t.Errorf("the stop took %v", took)
		}
	}
	live() // what starts once in a process
	before := runtime.NumGoroutine()
	for range 3 {
		live()
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before+2; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
	}
}
