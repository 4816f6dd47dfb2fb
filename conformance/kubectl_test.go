package conformance

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

var update = flag.Bool("update", false, "write what the commands of the transcripts print into them")

// TestKubectlTranscripts types what the files in testdata/kubectl say, each in a
// namespace of its own that is named after the file, and wants what they show. All
// share one kagg.
func TestKubectlTranscripts(t *testing.T) {
	t.Parallel()
	runTranscripts(t, "testdata/kubectl/*.txt", harness.StartKagg(t))
}

// TestKubectlTranscriptsRBAC is TestKubectlTranscripts for a kagg that authorizes.
func TestKubectlTranscriptsRBAC(t *testing.T) {
	t.Parallel()
	runTranscripts(t, "testdata/kubectl-rbac/*.txt", harness.StartKagg(t, "--authorization-mode=RBAC"))
}

func runTranscripts(t *testing.T, pattern string, kagg *harness.Kagg) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts match %s: %v", pattern, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			harness.Transcript{Kubeconfig: kagg.Kubeconfig, Namespace: name, Update: *update}.Run(t, file)
		})
	}
}
