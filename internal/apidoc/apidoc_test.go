package apidoc_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/internal/apidoc"
)

func TestDocumentIsCurrent(t *testing.T) {
	t.Parallel()
	kinds, err := apidoc.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(apidoc.Markdown(kinds), string(got)); d != "" {
		t.Errorf("docs/api.md is not what the local APIs serve; run go generate ./internal/apidoc:\n%s", d)
	}
}
