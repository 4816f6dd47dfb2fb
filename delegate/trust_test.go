package delegate

import (
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/internal/pki"
)

func authority(t *testing.T, now func() time.Time) string {
	t.Helper()
	state, err := pki.Ensure(filepath.Join(t.TempDir(), "state"), pki.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(state.ClusterCA.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	return string(pem.EncodeToMemory(block))
}

// Whoever publishes last, the result has each server's part, and publishing again changes nothing.
func TestMergeAuthenticationConfig(t *testing.T) {
	t.Parallel()
	now := time.Now()
	past := func() time.Time { return now.AddDate(-20, 0, 0) }
	a, b, expired := authority(t, nil), authority(t, nil), authority(t, past)
	one := map[string]string{"client-ca-file": a, "requestheader-allowed-names": `["front","x"]`}
	two := map[string]string{"client-ca-file": b, "requestheader-allowed-names": `["x","other"]`}
	for name, c := range map[string]struct{ existing, own, want map[string]string }{
		"nothing there": {nil, one, one},
		"another's":     {one, two, map[string]string{"client-ca-file": a + b, "requestheader-allowed-names": `["front","x","other"]`}},
		"again": {
			map[string]string{"client-ca-file": a + b, "requestheader-allowed-names": `["front","x","other"]`}, one,
			map[string]string{"client-ca-file": a + b, "requestheader-allowed-names": `["front","x","other"]`},
		},
		"expired": {map[string]string{"client-ca-file": expired + a}, map[string]string{"client-ca-file": b}, map[string]string{"client-ca-file": a + b}},
		"not readable": {
			map[string]string{"client-ca-file": "none", "requestheader-allowed-names": "{"}, one,
			one,
		},
		"key of another": {map[string]string{"further": "1"}, map[string]string{"client-ca-file": a}, map[string]string{"further": "1", "client-ca-file": a}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(c.want, mergeAuthenticationConfig(c.existing, c.own, now)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
