package conformance

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

// TestHelm installs, upgrades, rolls back and uninstalls a chart with the real Helm,
// the chart's apiserver being a scripted one.
func TestHelm(t *testing.T) {
	t.Parallel()
	chart, err := filepath.Abs("testdata/helm/garden")
	if err != nil {
		t.Fatal(err)
	}
	kagg := harness.StartKagg(t)
	backend := harness.NewBackend(t, echoGroup)
	certFile, keyFile := kagg.Cert(t, "helm", "garden")
	backend.Start(t, certFile, keyFile)
	harness.Transcript{
		Kubeconfig: kagg.Kubeconfig,
		Namespace:  "helm",
		Path:       []string{harness.BuildHelm(t, "helm")},
		Env:        []string{"CHART=" + chart, "PORT=" + strconv.Itoa(backend.Port)},
		Update:     *update,
	}.Run(t, "testdata/helm/helm.txt")
}
