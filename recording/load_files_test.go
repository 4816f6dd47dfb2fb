package recording_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/recording"
)

// A file that cannot be read is an error that names it: what was recorded beside it is not left out in silence.
func TestLoadOfFilesThatAreNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(t *testing.T, backend string) error
		says string
	}{
		"a link to nowhere": {func(_ *testing.T, backend string) error {
			return os.Symlink("/nowhere", filepath.Join(backend, "openapi-v2.json"))
		}, "openapi-v2.json"},
		"a link to a folder": {func(_ *testing.T, backend string) error { return os.Symlink(".", filepath.Join(backend, "openapi-v3")) }, "openapi-v3 is no regular file"},
		"a pipe":             {func(t *testing.T, backend string) error { return mkfifo(t, filepath.Join(backend, "apis.json")) }, "apis.json is no regular file"},
		"more behind an object": {func(_ *testing.T, backend string) error {
			return os.WriteFile(filepath.Join(backend, "state.json"), []byte("{}{}"), 0o600)
		}, "state.json: there is more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			backend := filepath.Join(folder, "backends", "default_b_443")
			if err := os.MkdirAll(backend, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := c.make(t, backend); err != nil {
				t.Fatal(err)
			}
			if _, err := recording.Load(manifest.Options{Filenames: []string{folder}}); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want %q, got %v", c.says, err)
			}
		})
	}
}
