package harness

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/kagg-project/kagg/internal/ports"
)

// Patience is how long something may take for which no time is promised, on a machine
// that is busy with other tests and with building what they need.
const Patience = time.Minute

// pollInterval is short, so that what is measured by polling is measured well.
const pollInterval = 5 * time.Millisecond

// Eventually polls check until it returns nil and returns how long that took. The
// test fails with check's last error when timeout is over.
func Eventually(t testing.TB, timeout time.Duration, what string, check func(ctx context.Context) error) time.Duration {
	t.Helper()
	start := time.Now()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), pollInterval, timeout, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: not within %s: %v", what, timeout, last)
	}
	return time.Since(start)
}

// FreePort returns a port of 127.0.0.1 where nobody listens, for programs that cannot
// be told to choose one themselves.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := ports.Free(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
