package explain_test

import (
	"testing"

	"github.com/kagg-project/kagg/explain"
)

// The code is that of kagg's own refusals, and of nothing that a backend answers.
func TestCodes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		folder, path, as string
		want             int
	}{
		{"requests", "/apis/fruit.example/v1/apples", "", 0},
		{"requests", "/apis/fruit.example/v1/pears", "", 0},
		{"requests", "/apis", "", 0},
		{"requests", "/healthz", "", 0},
		{"requests", "/api", "", 0},
		{"requests", "/api/v1", "", 0},
		{"requests", "/api/v1/pods", "", 0},
		{"requests", "/api/v1/pods", "eve", 403},
		{"requests", "/api/v1/hammers", "", 404},
		{"requests", "/api/v2/pods", "", 404},
		{"requests", "/apis/nobody.example", "", 404},
		{"requests", "/apis/nobody.example/v1", "", 404},
		{"requests", "/openapi/v3/nothing", "", 404},
		{"stale", "/apis/down.example/v1/lamps", "", 503},
		{"manifests", "/apis/fruit.example/v1/apples", "", 0},
	} {
		replay := loadCase(t, "../testdata/explain/"+c.folder)
		target := explain.Target{Kind: explain.KindRequest, Method: "GET", Name: c.path, As: explain.Impersonation{User: c.as}}
		e, err := explain.Explain(t.Context(), replay, target)
		if err != nil {
			t.Fatal(err)
		}
		if e.Code != c.want {
			t.Errorf("%s as %q: code %d, want %d: %s", c.path, c.as, e.Code, c.want, e.Outcome)
		}
	}
}
