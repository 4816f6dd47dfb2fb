package conformance

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

// The real sample-apiserver is started for its OpenAPI alone: with no flag but that of
// its storage, and no objects.
func TestMergeStartsTheSampleAPIServer(t *testing.T) {
	t.Parallel()
	command, env := harness.SampleAPIServerCommand(harness.StartEtcd(t))
	args := append([]string{"merge", "openapi-v3", "--"}, command...)
	stdout, stderr, code := harness.KaggOutput(t, []string{env}, args...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var merged struct {
		Paths     map[string]any `json:"paths"`
		Documents map[string]struct {
			OpenAPI string         `json:"openapi"`
			Paths   map[string]any `json:"paths"`
		} `json:"documents"`
	}
	if err := json.Unmarshal([]byte(stdout), &merged); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"v1alpha1", "v1beta1"} {
		key := "apis/wardle.example.com/" + version
		document, ok := merged.Documents[key]
		if !ok || merged.Paths[key] == nil {
			t.Fatalf("%s is missing among %q", key, slices.Sorted(maps.Keys(merged.Documents)))
		}
		if !strings.HasPrefix(document.OpenAPI, "3.") || document.Paths["/apis/wardle.example.com/"+version+"/namespaces/{namespace}/flunders"] == nil {
			t.Errorf("%s is no OpenAPI v3 document of flunders", key)
		}
	}
	for _, version := range []string{"v1alpha1", "v1beta1"} {
		if strings.Contains(stderr, version) {
			t.Errorf("it complains: %s", stderr)
		}
	}
}

// An apiserver that cannot start is told of by what it printed.
func TestMergeTellsWhyTheSampleAPIServerFailed(t *testing.T) {
	t.Parallel()
	command, env := harness.SampleAPIServerCommand("")
	stdout, stderr, code := harness.KaggOutput(t, []string{env}, append([]string{"merge", "openapi-v3", "--"}, command...)...)
	if code != 1 || stdout != "" || !strings.Contains(stderr, "--etcd-servers must be specified") {
		t.Errorf("exit code %d, printed %q, said: %s", code, stdout, stderr)
	}
}
