package explain_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/explain"
)

// What a backend says moves no cursor and recolours nothing.
func TestTextEscapesControlCharacters(t *testing.T) {
	t.Parallel()
	const evil = "a\x1b[31mb\r\a"
	party := explain.Party{Name: evil, APIService: evil + "1", Backend: evil + "2", Value: evil}
	e := explain.Explanation{
		Target: evil, Outcome: evil, Troubles: []explain.Trouble{{Reason: evil, Mend: evil, Commands: []string{evil}}}, Facts: []explain.Fact{{Name: evil, Value: evil}},
		Decisions: []explain.Decision{{About: evil, Outcome: evil, Winner: &party, Losers: []explain.Party{party}, Renamed: evil, Diff: "-" + evil + "\n+" + evil}},
		Changes:   []explain.Change{{Effect: evil, Mend: evil, Commands: []string{evil}}},
	}
	if text := e.Text(false); strings.ContainsAny(text, "\x1b\r\a") || strings.Count(text, `a\x1b[31mb\x0d`) != 23 {
		t.Errorf("%d escaped in %q", strings.Count(text, `a\x1b[31mb\x0d`), text)
	}
	if text := e.Text(true); strings.Contains(text, "\x1b[31mb") || !strings.Contains(text, "\x1b[1m") {
		t.Errorf("with colour: %q", text)
	}
	if party.Name != evil || e.Decisions[0].Losers[0].Name != evil {
		t.Error("the explanation was changed")
	}
}

// A resource that a version lacks is none to kubectl, whatever other versions have.
func TestResourceOfAnotherVersion(t *testing.T) {
	t.Parallel()
	replay := loadCase(t, "../testdata/explain/versions")
	for word, want := range map[string]string{
		"resource/apples.v1.fruit.example":      "in fruit.example/v1,",
		"resource/apple.v1beta1.fruit.example":  "in fruit.example/v1beta1,",
		"resource/Apple.v1beta1.fruit.example":  "in fruit.example/v1beta1,",
		"resource/loaves.v1beta1.fruit.example": "there is no resource/loaves.v1beta1.fruit.example",
	} {
		target, err := explain.ParseTarget(word)
		if err != nil {
			t.Fatal(err)
		}
		e, err := explain.Explain(t.Context(), replay, target)
		if got := e.Outcome + fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%s: %s", word, got)
		}
	}
}

// Where a definition is in the merged document, nothing of its backend that is not is told.
func TestDefinitionOfABackendWithAnotherGroup(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"backends/ns_a_443/openapi-v2.json": `{"swagger": "2.0", "info": {"title": "t", "version": "1"},
			"paths": {"/apis/a.example/v1/things": {"get": {"responses": {"200": {"description": "ok", "schema": {"$ref": "#/definitions/Foo"}}}}}},
			"definitions": {"Foo": {"type": "object"}}}`,
		"local/server.json": "{}",
	}
	for _, group := range []string{"a.example", "b.example"} {
		files[group+".yaml"] = fmt.Sprintf(`apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.%s, annotations: {kagg.dev/endpoint: "https://127.0.0.1:1"}}
spec: {group: %s, version: v1, groupPriorityMinimum: 1000, versionPriority: 10, insecureSkipTLSVerify: true, service: {namespace: ns, name: a}}
`, group, group)
	}
	folder := t.TempDir()
	for name, content := range files {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := explain.Explain(t.Context(), loadCase(t, folder), explain.Target{Kind: explain.KindDefinition, Name: "Foo"})
	if err != nil || len(e.Changes) > 0 || !strings.Contains(e.Outcome, "Foo comes from v1.a.example") {
		t.Errorf("%v, %s", err, e.Text(false))
	}
}
