package gather_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/check/gather"
	"github.com/kagg-project/kagg/internal/demo"
)

// TestMain keeps the libraries' log out of the tests' output.
func TestMain(m *testing.M) {
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}

// What is true of the demo: its weather service is by hand.
var demoFindings = []string{
	`info KAGG050 demo/weather:443 /apis aggregated discovery is answered with 404: there is nothing at /apis`,
	`info KAGG095 demo/weather:443 /apis/weather.demo.kagg.dev/v1/forecasts the list with limit=2 has 3 items`,
}

// What is true of it when the front-proxy certificate's key is missing.
var throughFindings = []string{
	`info KAGG034 demo/orchard:443  ` + throughKagg,
	`info KAGG034 demo/weather:443  ` + throughKagg,
	demoFindings[1],
}

const throughKagg = "requests went through kagg, for the front-proxy certificate's key is not here: aggregated discovery, " +
	"OpenAPI and whom the backend believes were not looked at"

func TestDemo(t *testing.T) {
	t.Parallel()
	for _, mode := range []aggregator.AuthorizationMode{aggregator.AuthorizationAlwaysAllow, aggregator.AuthorizationRBAC} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			a := serveDemo(t, mode)
			state := a.State()
			targets, extra := demoTargets(t, a)
			facts := check.Facts{Now: time.Now()}

			o := gather.Options{FrontProxyCert: read(t, state.FrontProxyClient.CertFile), FrontProxyKey: read(t, state.FrontProxyClient.KeyFile), Write: true}
			seen, err := gather.Gather(t.Context(), targets, o)
			if err != nil {
				t.Fatal(err)
			}
			facts.Live = seen.Backends
			if d := cmp.Diff(demoFindings, brief(check.Run(facts, check.Checks()))); d != "" {
				t.Errorf("findings, directly (-want +got):\n%s", d)
			}
			orchard := seen.Backends["demo/orchard:443"].Resources
			if len(orchard) != 2 || !orchard[0].DryRun.OK() || orchard[0].Strict == nil || orchard[0].Strict.Status != http.StatusBadRequest {
				t.Errorf("the orchard's apples were not tried: %+v", orchard)
			}
			compareReplay(t, a, seen)

			o.FrontProxyKey, o.Write, o.Server, o.Client = nil, false, extra.Host, roundTripper(t, extra)
			if seen, err = gather.Gather(t.Context(), targets, o); err != nil {
				t.Fatal(err)
			}
			facts.Live = seen.Backends
			if d := cmp.Diff(throughFindings, brief(check.Run(facts, check.Checks()))); d != "" {
				t.Errorf("findings, through kagg (-want +got):\n%s", d)
			}
		})
	}
}

// compareReplay tells whether what was read makes the same merge as what the running kagg read.
func compareReplay(t *testing.T, a *aggregator.Aggregator, seen gather.Result) {
	t.Helper()
	recorded, err := a.Record(t.Context(), aggregator.RecordOptions{V3: true})
	if err != nil {
		t.Fatal(err)
	}
	want, err := aggregator.NewReplay(recorded)
	if err != nil {
		t.Fatal(err)
	}
	without := *recorded
	without.Backends = nil
	got, err := aggregator.NewReplay(gather.Complete(&without, seen))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.Snapshot.Discovery().Aggregated, got.Snapshot.Discovery().Aggregated); d != "" {
		t.Errorf("merged discovery (-running kagg +gathered):\n%s", d)
	}
	if d := cmp.Diff(want.Snapshot.Conditions, got.Snapshot.Conditions); d != "" {
		t.Errorf("conditions (-running kagg +gathered):\n%s", d)
	}
	if d := cmp.Diff(want.Snapshot.OpenAPIV3().Index, got.Snapshot.OpenAPIV3().Index); d != "" {
		t.Errorf("merged OpenAPI v3 (-running kagg +gathered):\n%s", d)
	}
	if again := gather.Complete(recorded, seen); len(again.Backends) != len(recorded.Backends) {
		t.Errorf("a complete recording got %d backends more", len(again.Backends)-len(recorded.Backends))
	}
}

func brief(found []check.Finding) []string {
	out := make([]string, 0, len(found))
	for _, f := range found {
		out = append(out, fmt.Sprintf("%s %s %s %s %s", f.Severity, f.Code, f.Where.Backend, f.Where.Path, f.Message))
	}
	return out
}

// serveDemo runs kagg with the demo, and returns when all of it is available and its documents are read.
func serveDemo(t *testing.T, mode aggregator.AuthorizationMode) *aggregator.Aggregator {
	t.Helper()
	objects := filepath.Join(t.TempDir(), "demo.yaml")
	if err := os.WriteFile(objects, []byte("# none yet\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	a, err := aggregator.Start(ctx, aggregator.Config{
		StateDir: t.TempDir(), Filenames: []string{objects}, AuthorizationModes: []aggregator.AuthorizationMode{mode},
	})
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		a.Wait()
	})
	d, err := demo.Start(ctx, demo.Options{
		Kubeconfig: a.State().APIServerKubeconfig, RequestHeaderCA: read(t, a.State().FrontProxyCA.CertFile),
		Certificate: func(namespace, service string) (string, string, error) {
			return a.State().IssueServing(namespace, service)
		},
		ErrorLog: log.New(io.Discard, "", 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(objects, d.Manifests(), 0o600); err != nil {
		t.Fatal(err)
	}
	waiting, done := context.WithTimeout(t.Context(), 2*time.Minute)
	defer done()
	if _, err := a.WaitFor(waiting, func(s *aggregator.Snapshot) bool {
		available := 0
		for name, c := range s.Conditions {
			if strings.HasSuffix(name, "demo.kagg.dev") && c.Status == apiregistrationv1.ConditionTrue {
				available++
			}
		}
		return available == 3 && s.Settled()
	}); err != nil {
		t.Fatal(err)
	}
	return a
}

// demoTargets are kagg's backends, and how an administrator reaches kagg.
func demoTargets(t *testing.T, a *aggregator.Aggregator) ([]gather.Target, *rest.Config) {
	t.Helper()
	recorded, err := a.Record(t.Context(), aggregator.RecordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	replay, err := aggregator.NewReplay(recorded)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := clientcmd.BuildConfigFromFlags("", a.State().Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	targets := gather.Targets(replay.Snapshot.APIServices(), []byte(recorded.Server.TrustedCA))
	if len(targets) != 2 || len(targets[0].APIServices) != 2 {
		t.Fatalf("targets: %+v", targets)
	}
	return targets, admin
}

func roundTripper(t *testing.T, c *rest.Config) http.RoundTripper {
	t.Helper()
	rt, err := rest.TransportFor(c)
	if err != nil {
		t.Fatal(err)
	}
	return rt
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
