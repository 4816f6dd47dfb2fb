package check_test

import (
	"strings"
	"testing"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/recording"
)

// What people have in their repositories: a Service with a selector, whose EndpointSlices a cluster writes.
func TestServiceWithSelector(t *testing.T) {
	t.Parallel()
	objects := string(readFiles(t, "../testdata/check/KAGG005-no-slice")["objects.yaml"])
	selected := strings.Replace(objects, "spec:\n  ports:", "spec:\n  selector: {app: api}\n  ports:", 1)
	unready := string(readFiles(t, "../testdata/check/KAGG005")["objects.yaml"])
	unready = strings.Replace(unready, "spec:\n  ports:", "spec:\n  selector: {app: api}\n  ports:", 1)
	recorded := []byte(`{"kagg": "v1.0.0"}`)
	for name, c := range map[string]struct {
		files recording.Files
		finds bool
	}{
		"without a selector":            {recording.Files{"objects.yaml": []byte(objects)}, true},
		"manifests":                     {recording.Files{"objects.yaml": []byte(selected)}, false},
		"manifests with a slice":        {recording.Files{"objects.yaml": []byte(unready)}, true},
		"a recording":                   {recording.Files{"objects.yaml": []byte(selected), "local/server.json": recorded}, true},
		"what a folder by hand says":    {recording.Files{"objects.yaml": []byte(selected), "local/server.json": []byte("{}")}, false},
		"manifests that are connected ": {recording.Files{"objects.yaml": []byte(selected), liveFile: []byte("{}")}, true},
	} {
		found := run(t, c.files)
		if has := len(found) == 1 && found[0].Code == "KAGG005"; has != c.finds || len(found) > 1 {
			t.Errorf("%s: want a finding: %t; got:\n%s", name, c.finds, lines(found))
		}
	}
}

// A backend without a caBundle is one finding, however many APIServices it has.
func TestOneBackendWithoutCA(t *testing.T) {
	t.Parallel()
	first := string(readFiles(t, "../testdata/check/KAGG007")["objects.yaml"])
	service, rest, _ := strings.Cut(first, "---\n")
	second := strings.NewReplacer("v1.wardle", "v2.wardle", "version: v1", "version: v2", "versionPriority: 15", "versionPriority: 10").Replace(service)
	var found []check.Finding
	for _, f := range run(t, recording.Files{"objects.yaml": []byte(service + "---\n" + second + "---\n" + rest)}) {
		if f.Code == "KAGG007" {
			found = append(found, f)
		}
	}
	if len(found) != 1 || !strings.Contains(found[0].Message, "v1.wardle.example.com, v2.wardle.example.com have neither") {
		t.Errorf("want one finding of both:\n%s", lines(found))
	}
}
