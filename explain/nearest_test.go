package explain_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/explain"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	definitions := []string{
		"io.k8s.wardle.v1.Fischer", "io.k8s.wardle.v1.Flunder", "io.k8s.wardle.v1.FlunderList", "io.k8s.wardle.v2.Apple", "io.k8s.wardle.v2.Pear", "io.k8s.wardle.v2.Plum",
	}
	for _, c := range []struct {
		name       string
		candidates []string
		want       []string
	}{
		{"com.example.Flunder", definitions, []string{"io.k8s.wardle.v1.Flunder", "io.k8s.wardle.v1.FlunderList"}},
		{"Flundr", definitions, []string{"io.k8s.wardle.v1.Flunder"}},
		{"fl", []string{"a", "b", "c", "d", "e", "fischers", "flunders"}, []string{"flunders"}},
		{"nope/v1", []string{"apps/v1", "batch/v1", "core/v1", "events/v1", "policy/v1", "storage/v1"}, nil},
		{"/apis/nope/v1", []string{"/apis/apps/v1", "/a", "/b", "/c", "/d", "/e"}, nil},
		{"/apis/aps/v1", []string{"/apis/apps/v1", "/a", "/b", "/c", "/d", "/e"}, []string{"/apis/apps/v1"}},
		{"zzz", []string{"b", "a", "b"}, []string{"a", "b"}},
	} {
		if d := cmp.Diff(c.want, explain.Nearest(c.name, c.candidates)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}
