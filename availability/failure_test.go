package availability_test

import (
	"testing"

	"github.com/kagg-project/kagg/availability"
)

func TestSameFailure(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"equal":        {"refused", "refused", true},
		"local port":   {"get x: read tcp 127.0.0.1:40001->127.0.0.1:6443: connection reset by peer", "get x: read tcp 127.0.0.1:40002->127.0.0.1:6443: connection reset by peer", true},
		"remote port":  {"read tcp 127.0.0.1:40001->127.0.0.1:6443: reset", "read tcp 127.0.0.1:40001->127.0.0.1:6444: reset", false},
		"stream":       {"stream error: stream ID 5; INTERNAL_ERROR", "stream error: stream ID 17; INTERNAL_ERROR", true},
		"goaway":       {"GOAWAY; LastStreamID=3", "GOAWAY; LastStreamID=9", true},
		"status":       {"bad status: 500", "bad status: 503", false},
		"other reason": {"connection refused", "EOF", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := availability.SameFailure(c.a, c.b); got != c.same {
				t.Errorf("same: %v, want %v", got, c.same)
			}
		})
	}
}
