package explain_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/explain"
)

func TestParse(t *testing.T) {
	t.Parallel()
	ann := explain.Impersonation{User: "ann", UID: "7", Groups: []string{"pickers"}}
	words := strings.Fields("group/a.io group/core version/a.io/v1 version/v1 version//v1 version/core/v1 resource/ap.a.io path/apis/x path//apis/x definition/io.X apiservice/v1.a.io request get /apis?x=1 request LIST /x request GET https://127.0.0.1:6443/apis/a.io?limit=1")
	targets, err := explain.Parse(words, ann)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]string, 0, len(targets))
	for _, target := range targets {
		got = append(got, target.String())
	}
	want := []string{
		"group/a.io", "group/core", "version/a.io/v1", "version/core/v1", "version/core/v1", "version/core/v1", "resource/ap.a.io",
		"path/apis/x", "path/apis/x", "definition/io.X", "apiservice/v1.a.io",
		"request GET /apis?x=1 --as ann --as-uid 7 --as-group pickers", "request LIST /x --as ann --as-uid 7 --as-group pickers",
		"request GET /apis/a.io?limit=1 --as ann --as-uid 7 --as-group pickers",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, target := range targets[:len(targets)-3] {
		if again, err := explain.ParseTarget(target.String()); err != nil || !cmp.Equal(again, target) {
			t.Errorf("%s is read as %+v, %v", target, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for words, says := range map[string]string{
		"":                     "name what to explain",
		"request GET https://": "request METHOD URL-PATH",
		"apples":               "resource/NAME",
		"group/":               "group/NAME",
		"grup/a":               `no kind "grup"`,
		"version/a/v1/x":       "version/GROUP/VERSION",
		"version/a/":           "version/GROUP/VERSION",
		"request/GET":          "words of their own",
		"request":              "request METHOD URL-PATH",
		"request GET":          "request METHOD URL-PATH",
		"request GET apis":     "request METHOD URL-PATH",
		"request GET group/a":  "request METHOD URL-PATH",
	} {
		if _, err := explain.Parse(strings.Fields(words), explain.Impersonation{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q gives %v, want %q", words, err, says)
		}
	}
	for _, as := range []explain.Impersonation{{Groups: []string{"a"}}, {UID: "a"}} {
		if _, err := explain.Parse([]string{"request", "GET", "/"}, as); err == nil || !strings.Contains(err.Error(), "need a user") {
			t.Errorf("%+v gives %v", as, err)
		}
	}
}

// Of each kind: what there is not is told, with what is near.
func TestUnknownTargets(t *testing.T) {
	t.Parallel()
	names, shared, stale := loadCase(t, "../testdata/explain/names"), loadCase(t, "../testdata/explain/openapi-shared"), loadCase(t, "../testdata/explain/stale")
	for target, near := range map[string]string{
		"group/fruits.example": "group/fruit.example", "version/fruit.example/v2": "version/fruit.example/v1",
		"resource/aples": "resource/apples", "resource/aples.fruit.example": "resource/apples.fruit.example",
		"apiservice/tool.example":     "apiservice/v1.tool.example",
		"apiservice/v1.fruit.exampel": "apiservice/v1.fruit.example", "definition/Aple": "definition/Apple",
		"path/apis/fruit.example/v1/aples": "path/apis/fruit.example/v1/apples",
		// What a backend had before it failed.
		"resource/lampz": "resource/lamps", "resource/lampz.down.example": "resource/lamps.down.example",
	} {
		parsed, err := explain.ParseTarget(target)
		if err != nil {
			t.Fatal(err)
		}
		replay := names
		if parsed.Kind == explain.KindDefinition || parsed.Kind == explain.KindPath {
			replay = shared
		}
		if strings.Contains(target, "lampz") {
			replay = stale
		}
		_, err = explain.Explain(t.Context(), replay, parsed)
		unknown, ok := errors.AsType[*explain.UnknownError](err)
		if !ok || !slices.Contains(unknown.Nearest, near) || !strings.Contains(err.Error(), near) {
			t.Errorf("%s gives %v, want %s", target, err, near)
		}
	}
	for _, target := range []explain.Target{{Kind: "odd"}, {Kind: explain.KindRequest, Method: "G T", Name: "/"}, {Kind: explain.KindRequest, Method: "GET", Name: "x"}} {
		if _, err := explain.Explain(t.Context(), names, target); err == nil {
			t.Errorf("%+v is explained", target)
		}
	}
}

// What there is not may be in what was not read: of a backend that is down, was not asked, or is known from manifests
// alone.
func TestUnreadBackends(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		folder, target string
		want           []string
	}{
		{"stale", "resource/lamp-shades", []string{"v1.broken.example", "v1.new.example"}},
		{"stale", "resource/lamp-shades.new.example", []string{"v1.new.example"}},
		{"stale", "resource/lamp-shades.v1.new.example", []string{"v1.new.example"}},
		{"stale", "resource/lamp-shades.v2.new.example", nil},
		{"stale", "resource/lamp-shades.down.example", nil},
		{"stale", "path/apis/new.example/v1/lamp-shades", []string{"v1.new.example"}},
		{"stale", "path/apis/other.example/v1/lamp-shades", nil},
		{"stale", "path/apis/broken.example/v1/lamp-shades", []string{"v1.broken.example"}}, // v3 alone
		{"stale", "definition/LampShade", []string{"v1.down.example", "v1.new.example"}},
		{"stale", "version/new.example/v2", nil},
		{"manifests", "resource/lamp-shades", []string{"v1.fruit.example"}},
		{"names", "resource/lamp-shades", nil},
	} {
		target, err := explain.ParseTarget(c.target)
		if err != nil {
			t.Fatal(err)
		}
		_, err = explain.Explain(t.Context(), loadCase(t, "../testdata/explain/"+c.folder), target)
		unknown, ok := errors.AsType[*explain.UnknownError](err)
		if !ok {
			t.Errorf("%s of %s gives %v", c.target, c.folder, err)
			continue
		}
		var want []string
		for _, name := range c.want {
			want = append(want, "apiservice/"+name)
		}
		if d := cmp.Diff(want, unknown.Unread); d != "" {
			t.Errorf("%s of %s (-want +got):\n%s", c.target, c.folder, d)
		}
	}
	many := &explain.UnknownError{Target: explain.Target{Kind: explain.KindResource, Name: "a"}, Unread: []string{"b", "c", "d", "e"}}
	want := "there is no resource/a, and nothing with a name like it (the discovery of b, c, d and 1 more was never read, and may have it: explain that to see why)"
	if many.Error() != want {
		t.Errorf("told %q, want %q", many, want)
	}
}

// Every target that is offered for completion is there.
func TestTargetsAreExplained(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"names", "sources", "openapi-renamed", "openapi-broken-kinds"} {
		replay := loadCase(t, "../testdata/explain/"+name)
		for _, kind := range explain.Kinds() {
			for _, word := range explain.Targets(replay, kind) {
				target, err := explain.ParseTarget(word)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := explain.Explain(t.Context(), replay, target); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

func TestTextInColour(t *testing.T) {
	t.Parallel()
	replay := loadCase(t, "../testdata/explain/openapi-renamed")
	e, err := explain.Explain(t.Context(), replay, explain.Target{Kind: explain.KindDefinition, Name: "Meta_v2"})
	if err != nil {
		t.Fatal(err)
	}
	coloured := e.Text(true)
	for _, want := range []string{"\x1b[31m- description: \"old\"\x1b[0m", "\x1b[32m+ description: \"new\"\x1b[0m", "\x1b[1mWhy\x1b[0m"} {
		if !strings.Contains(coloured, want) {
			t.Errorf("want %q in\n%s", want, coloured)
		}
	}
	plain := coloured
	for _, code := range []string{"0", "1", "2", "31", "32", "36"} {
		plain = strings.ReplaceAll(plain, "\x1b["+code+"m", "")
	}
	if diff := cmp.Diff(e.Text(false), plain); diff != "" {
		t.Errorf("without its colour the text is another one:\n%s", diff)
	}
}
