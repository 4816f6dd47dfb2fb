package aggregator

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A backend that ends every connection after its answer is asked ever less often,
// down to the regular pace; one that loses a connection now and then is asked at
// once each time.
func TestLossPacer(t *testing.T) {
	t.Parallel()
	p := lossPacer{longest: time.Second}
	got := make([]time.Duration, 0, 8)
	for range 7 {
		p.tick()
		if !p.heed() {
			t.Fatal("the first loss of a round counts")
		}
		if p.heed() {
			t.Fatal("the second loss of a round must not")
		}
		got = append(got, p.next(time.Second))
	}
	ms := time.Millisecond
	if diff := cmp.Diff([]time.Duration{50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, time.Second, time.Second}, got); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
	p.tick()
	p.tick()
	if p.heed(); p.next(time.Second) != 50*ms {
		t.Error("a round without a loss should begin anew")
	}
}
