package recording_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/recording"
)

const apiService = `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata:
  name: v1.example.com
spec:
  group: example.com
  groupPriorityMinimum: 1000
  service:
    name: b
    namespace: default
  version: v1
  versionPriority: 15
`

// everyFile is a recording with one file of each sort.
func everyFile() recording.Files {
	return recording.Files{
		"objects.yaml":                                                  []byte(apiService),
		"backends/default_b_443/apis.json":                              []byte("{}"),
		"backends/default_b_443/apis/example.com/v1.json":               []byte(`{"kind":"APIResourceList"}`),
		"backends/default_b_443/api/v1.json":                            []byte(`{"groupVersion":"v1"}`),
		"backends/default_b_443/openapi-v2.json":                        []byte(`{"swagger":"2.0"}`),
		"backends/default_b_443/openapi-v3/index.json":                  []byte(`{"paths":{}}`),
		"backends/default_b_443/openapi-v3/apis/example.com/v1.json":    []byte(`{"openapi":"3.0"}`),
		"backends/default_b_443/openapi-v3/version.json":                []byte(`{"openapi":"3.1"}`),
		"backends/default_b_443/state.json":                             []byte("{\n  \"apiServices\": [\n    \"v1.example.com\"\n  ]\n}\n"),
		"backends/default_b_443_2/state.json":                           []byte("{}\n"),
		"local/apiservices.yaml":                                        []byte(strings.ReplaceAll(apiService, "v1.example.com", "v1.local.example.com")),
		"local/api.json":                                                []byte(`{"core":true}`),
		"local/apis.json":                                               []byte(`{"local":true}`),
		"local/openapi-v2.json":                                         []byte(`{"local":2}`),
		"local/server.json":                                             []byte("{\n  \"kagg\": \"v1\"\n}\n"),
		"local/customresources/apis.json":                               []byte(`{"custom":true}`),
		"local/customresources/openapi-v3/apis/crd.example.com/v1.json": []byte(`{"custom":3}`),
	}
}

func TestFilesAndBack(t *testing.T) {
	t.Parallel()
	files := everyFile()
	// The name of what is local is not its group and version: it is not validated here.
	files["local/apiservices.yaml"] = []byte(apiService)
	r, err := recording.Parse(files, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Objects) != 1 || len(r.Backends) != 2 || r.Local == nil || r.Server == nil || r.Server.Kagg != "v1" || !r.Recorded() {
		t.Errorf("parsed: %+v", r)
	}
	b := r.Backends[0]
	if b.Label() != "default/b:443" || string(b.Legacy["example.com/v1"]) == "" || string(b.Legacy["v1"]) == "" ||
		string(b.OpenAPIV3["apis/example.com/v1"]) == "" || string(b.OpenAPIV3["version"]) == "" || b.State.APIServices[0] != "v1.example.com" {
		t.Errorf("the first backend: %+v", b)
	}
	again, err := r.Files()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, again); diff != "" {
		t.Errorf("files, before and after:\n%s", diff)
	}
	var archive bytes.Buffer
	if err := files.WriteTar(&archive); err != nil {
		t.Fatal(err)
	}
	unpacked, err := recording.ReadTar(&archive)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, unpacked); diff != "" {
		t.Errorf("files, before and after the archive:\n%s", diff)
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"backends/nonsense/apis.json":        "NAMESPACE_NAME_PORT",
		"backends/a_b_99999999999/apis.json": "99999999999",
		"backends/default_b_443/state.json":  "state.json",
		"local/server.json":                  "local/server.json",
		"objects.yaml":                       "objects.yaml",
		"local/apiservices.yaml":             "local/apiservices.yaml",
	} {
		_, err := recording.Parse(recording.Files{name: []byte(`{"unknownField": 1}`)}, manifest.Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error does not name %s: %v", name, want, err)
		}
	}
}

// A recording may come from a stranger: it writes nowhere but below its folder.
func TestReadTarStaysBelow(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"../outside", "/absolute", "a/../../b"} {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		if err := w.WriteHeader(&tar.Header{Name: name, Size: 1, Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := recording.ReadTar(&archive); err == nil {
			t.Errorf("%s was taken", name)
		}
		if err := (recording.Files{name: []byte("x")}).Write(filepath.Join(t.TempDir(), "r")); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if _, err := recording.ReadTar(strings.NewReader("no archive")); err == nil {
		t.Error("what is no archive was taken")
	}
}

// An older recording is replaced, and nothing else is ever removed.
func TestWrite(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "made", "recorded")
	for _, files := range []recording.Files{everyFile(), {"objects.yaml": []byte(apiService), "local/server.json": []byte("{}")}} {
		if err := files.Write(folder); err != nil {
			t.Fatal(err)
		}
		r, err := recording.Load(manifest.Options{Filenames: []string{folder}})
		if files["backends/default_b_443/apis.json"] != nil {
			if err == nil || !strings.Contains(err.Error(), "v1.local.example.com") {
				t.Errorf("a name that is not its group and version: %v", err)
			}
			continue
		}
		if err != nil || len(r.Backends) != 0 || len(r.Objects) != 1 {
			t.Errorf("the older recording is still there: %+v, %v", r, err)
		}
	}
	precious := filepath.Join(folder, "precious.txt")
	if err := os.WriteFile(precious, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := everyFile().Write(folder); err == nil || !strings.Contains(err.Error(), "precious.txt") {
		t.Errorf("a folder with something else was taken: %v", err)
	}
	if data, err := os.ReadFile(precious); err != nil || string(data) != "mine" {
		t.Errorf("%s, %v", data, err)
	}
	other := t.TempDir()
	if err := os.MkdirAll(filepath.Join(other, "local"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := everyFile().Write(other); err == nil {
		t.Error("a folder called local that is no recording's was removed")
	}
	info, err := os.Stat(filepath.Join(folder, "objects.yaml"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// A manifest that is named itself has no folder, and so nothing recorded.
func TestLoadFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "apiservice.yaml")
	if err := os.WriteFile(file, []byte(apiService), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := recording.Load(manifest.Options{Filenames: []string{file}})
	if err != nil || len(r.Objects) != 1 || r.Recorded() {
		t.Errorf("%+v, %v", r, err)
	}
	in := manifest.Options{Filenames: []string{"-"}, Stdin: strings.NewReader(apiService)}
	if r, err = recording.Load(in); err != nil || len(r.Objects) != 1 {
		t.Errorf("standard input: %+v, %v", r, err)
	}
}
