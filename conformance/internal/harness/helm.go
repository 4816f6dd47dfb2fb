package harness

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// BuildHelm builds the helm command that the module in moduleDir requires and
// returns the folder that it is in. That module is its own, so that what Helm needs
// decides about no version here.
func BuildHelm(t testing.TB, moduleDir string) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "helm"), "helm.sh/helm/v4/cmd/helm") //nolint:gosec // A temporary folder.
	build.Dir = moduleDir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build helm in %s: %v\n%s", moduleDir, err, out)
	}
	return dir
}
