package conformance

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

// codeOf matches the head of what kagg check says of one code.
var codeOf = regexp.MustCompile(`(?m)^(?:error|warning|info) (KAGG\d{3}) `)

// TestCheck runs kagg check on the real sample-apiserver and on the demo: what it reports is true, and it reports
// nothing else.
func TestCheck(t *testing.T) {
	t.Parallel()
	t.Run("sample-apiserver", func(t *testing.T) {
		t.Parallel()
		port := harness.FreePort(t)
		kagg := harness.StartKagg(t, "-f", "testdata/wardle", fmt.Sprintf("--endpoint=wardle/api=127.0.0.1:%d", port))
		harness.StartSampleAPIServer(t, kagg, harness.StartEtcd(t), "wardle", "api", port)
		kagg.Client(t).AwaitCode(t, harness.Patience, "/readyz", 200)
		kagg.Client(t).AwaitCode(t, harness.Patience, "/apis/wardle.example.com/v1beta1", 200)
		kagg.Client(t).AwaitCode(t, harness.Patience, "/apis/wardle.example.com/v1alpha1", 200)
		for _, flunder := range []string{flunderAlpha, flunderBeta} {
			harness.NewKubectl(t, kagg.Kubeconfig).Command("apply", "-f", "-").WithInput(flunder).Out(t)
		}
		wantCodes(t, kagg, "KAGG007") // its manifests have no caBundle
	})
	t.Run("demo", func(t *testing.T) {
		t.Parallel()
		kagg := harness.StartDemo(t)
		// Its apiservers and their objects come after kagg itself.
		client := kagg.Client(t)
		client.AwaitCode(t, harness.Patience, "/apis/weather.demo.kagg.dev/v1", 200)
		client.AwaitCode(t, harness.Patience, "/apis/orchard.demo.kagg.dev/v1beta1", 200)
		client.AwaitCode(t, harness.Patience, "/readyz", 200)
		wantCodes(t, kagg,
			"KAGG007", // its manifests have no caBundle
			"KAGG011", // both groups have groupPriorityMinimum 1000
			"KAGG050", // the weather has legacy discovery
			"KAGG065", // the weather has no /openapi/v3
			"KAGG095", // the weather gives all its forecasts, whatever limit is asked for
		)
	})
}

func wantCodes(t *testing.T, kagg *harness.Kagg, want ...string) {
	t.Helper()
	p := harness.RunKagg(t, "check", "--state-dir", kagg.StateDir, "--fail-on=never", "--write")
	<-p.Done()
	out := p.Output().String()
	found := map[string]bool{}
	for _, match := range codeOf.FindAllStringSubmatch(out, -1) {
		found[match[1]] = true
	}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(found))); p.ExitCode() != 0 || d != "" {
		t.Errorf("kagg check ends with %d and finds other codes (-want +got):\n%s\n%s", p.ExitCode(), d, out)
	}
}
