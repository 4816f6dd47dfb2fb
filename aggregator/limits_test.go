package aggregator_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kagg-project/kagg/aggregator"
)

// A watch that names no timeout lasts between once and twice the shortest time.
func TestMinRequestTimeout(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *aggregator.Config) { c.Observability.MinRequestTimeout = time.Second })
	start := time.Now()
	if got := r.get("/api/v1/namespaces?watch=true"); got.status != http.StatusOK {
		t.Fatal(got)
	}
	if took := time.Since(start); took < time.Second || took > patience/2 {
		t.Errorf("the watch lasted %v", took)
	}
}

func TestWrongLimitsAreInputErrors(t *testing.T) {
	t.Parallel()
	none, negative := 0, -1
	for _, tt := range []struct {
		o    aggregator.Observability
		want string
	}{
		{aggregator.Observability{MaxRequestsInFlight: &negative}, "--max-requests-inflight"},
		{aggregator.Observability{MaxMutatingRequestsInFlight: &negative}, "--max-mutating-requests-inflight"},
		{aggregator.Observability{EnablePriorityAndFairness: true, MaxRequestsInFlight: &none, MaxMutatingRequestsInFlight: &none}, "--enable-priority-and-fairness"},
		{aggregator.Observability{RequestTimeout: -time.Second}, "--request-timeout"},
		{aggregator.Observability{GoawayChance: 0.5}, "--goaway-chance"},
		{aggregator.Observability{HTTP2MaxStreamsPerConnection: -1}, "--http2-max-streams-per-connection -1"},
		{aggregator.Observability{StrictTransportSecurity: []string{"forever"}}, "--strict-transport-security-directives"},
	} {
		_, err := aggregator.Start(t.Context(), aggregator.Config{StateDir: t.TempDir(), Observability: tt.o})
		var input *aggregator.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("want an InputError with %s, got %v", tt.want, err)
		}
	}
}
