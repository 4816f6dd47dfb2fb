package gather_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kagg-project/kagg/check/gather"
	"github.com/kagg-project/kagg/internal/misbehaving"
	"github.com/kagg-project/kagg/recording"
)

// What cannot be read is a failure, and in no recording, which could not be replayed with it.
func TestRecorded(t *testing.T) {
	t.Parallel()
	const gv = misbehaving.Group + "/" + misbehaving.Version
	for option, c := range map[misbehaving.Option]struct {
		form string
		// has tells which documents are recorded: d for discovery, l for legacy, 2 and 3 for OpenAPI.
		has string
		// failure is a part of the one that there has to be.
		failure func(*recording.State) string
		text    string
	}{
		misbehaving.SlowAtTimes:           {"aggregated", "d23", func(s *recording.State) string { return s.DiscoveryFailures[gv] }, ""},
		misbehaving.AggregatedNotFound:    {"legacy", "l23", func(s *recording.State) string { return s.DiscoveryFailures[gv] }, ""},
		misbehaving.AggregatedUnavailable: {"none", "23", func(s *recording.State) string { return s.DiscoveryFailures[gv] }, "get /apis: the backend answered 503: not ready yet"},
		misbehaving.AggregatedOtherKind:   {"none", "23", func(s *recording.State) string { return s.DiscoveryFailures[gv] }, "get /apis: the aggregated discovery document of 54 bytes cannot be read"},
		misbehaving.OpenAPIHangs:          {"aggregated", "d3", func(s *recording.State) string { return s.OpenAPIV2Failure }, "get /openapi/v2: no answer within 8s"},
		misbehaving.NoOpenAPI:             {"aggregated", "d", func(s *recording.State) string { return s.OpenAPIV2Failure }, ""},
		misbehaving.CertificateExpired:    {"aggregated", "d23", func(s *recording.State) string { return s.Probes[gv].Failure }, "x509: certificate has expired"},
	} {
		t.Run(string(option), func(t *testing.T) {
			t.Parallel()
			_, target, o := serve(t, option)
			if option == misbehaving.OpenAPIHangs {
				o.Timeout = 2 * time.Second
			}
			seen, err := gather.Gather(t.Context(), []gather.Target{target}, o)
			if err != nil {
				t.Fatal(err)
			}
			b := gather.Complete(&recording.Recording{}, seen).Backends[0]
			if b.Folder != "test_ships_443" || b.Label() != target.Label || b.State.Forms[gv] != c.form {
				t.Errorf("folder %s, label %s, form %q", b.Folder, b.Label(), b.State.Forms[gv])
			}
			has := ""
			for _, document := range []struct {
				letter string
				there  bool
			}{
				{"d", b.Discovery != nil},
				{"l", len(b.Legacy) > 0},
				{"2", b.OpenAPIV2 != nil},
				{"3", b.OpenAPIV3Index != nil && len(b.OpenAPIV3) > 0},
			} {
				if document.there {
					has += document.letter
				}
			}
			if has != c.has {
				t.Errorf("documents %q, want %q", has, c.has)
			}
			if got := c.failure(b.State); !strings.Contains(got, c.text) || (got == "") != (c.text == "") {
				t.Errorf("failure %q, want %q", got, c.text)
			}
		})
	}
}
