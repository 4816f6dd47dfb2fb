package conformance

import (
	"path/filepath"
	"testing"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

// TestKubectl checks the role of kubectl alone: a failure here is the harness's.
func TestKubectl(t *testing.T) {
	t.Parallel()
	kubectl := harness.NewKubectl(t, filepath.Join(t.TempDir(), "none"))
	wantMatch(t, kubectl.Command("version", "--client").Out(t), `^Client Version: v\S+\nKustomize Version: v\S+\n$`)
	wantMatch(t, kubectl.Command("no-such-command").Fail(t), `unknown command "no-such-command" for "kubectl"`)
	wantMatch(t, kubectl.Command("create", "configmap", "a", "--from-literal=b=c", "--dry-run=client", "-o", "jsonpath={.data.b}").Out(t), `^c$`)
}
