package aggregator_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/aggregator"
)

// The local group-versions are registered while files are applied. What a file says of one stands, whoever came first,
// and the others are all there.
func TestFileHasTheLastWordOnALocalAPIService(t *testing.T) {
	t.Parallel()
	const path = "/apis/apiregistration.k8s.io/v1/apiservices/"
	for range 5 {
		r := newRig(t, func(c *aggregator.Config) {
			const own = "apiVersion: apiregistration.k8s.io/v1\nkind: APIService\nmetadata: {name: v1.apps}\n" +
				"spec: {group: apps, version: v1, groupPriorityMinimum: 4321, versionPriority: 7}\n"
			if err := os.WriteFile(filepath.Join(c.Filenames[0], "apps.yaml"), []byte(own), 0o600); err != nil {
				t.Fatal(err)
			}
		})
		if got := r.get(path + "v1.apps"); got.status != http.StatusOK || !strings.Contains(got.body, `"groupPriorityMinimum":4321`) {
			t.Errorf("v1.apps: %d %s", got.status, got.body)
		}
		if got := r.get(path + "v1.batch"); got.status != http.StatusOK || !strings.Contains(got.body, `"kube-aggregator.kubernetes.io/automanaged":"onstart"`) {
			t.Errorf("v1.batch: %d %s", got.status, got.body)
		}
		r.stop()
	}
}
