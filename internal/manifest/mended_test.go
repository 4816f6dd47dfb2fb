package manifest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// brief is an update in one line each: objects, names with errors, names that are mended.
type brief struct{ objects, bad, mended string }

func (w *watching) brief(u Update) brief {
	w.t.Helper()
	var bad, mended []string
	for _, err := range u.Errors {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			w.t.Fatalf("error %v is no *Error", err)
		}
		bad = append(bad, strings.TrimPrefix(e.File, w.dir+"/"))
	}
	for _, name := range u.Mended {
		mended = append(mended, strings.TrimPrefix(name, w.dir+"/"))
	}
	return brief{w.names(u), strings.Join(bad, " "), strings.Join(mended, " ")}
}

func (w *watching) nextBrief(want brief) {
	w.t.Helper()
	select {
	case u := <-w.updates:
		if d := cmp.Diff(want, w.brief(u), cmp.AllowUnexported(brief{})); d != "" {
			w.t.Errorf("update (-want +got):\n%s", d)
		}
	case <-time.After(20 * time.Second):
		w.t.Fatalf("no update; want %+v", want)
	}
}

func TestWatchMended(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "in/a.yaml", service("a"))
	w := watch(t, dir, false, "in", "late.yaml")
	w.nextBrief(brief{"in/a.yaml:1 a", "late.yaml", ""})
	replace(t, dir+"/in/a.yaml", "[")
	w.nextBrief(brief{"in/a.yaml:1 a", "in/a.yaml", ""})
	// The old content again changes no object, and is an update all the same.
	replace(t, dir+"/in/a.yaml", service("a"))
	w.nextBrief(brief{"in/a.yaml:1 a", "", "in/a.yaml"})
	replace(t, dir+"/late.yaml", "# nothing yet\n")
	w.nextBrief(brief{"in/a.yaml:1 a", "", "late.yaml"})
	replace(t, dir+"/late.yaml", service("b"))
	w.nextBrief(brief{"in/a.yaml:1 a, late.yaml:1 b", "", ""})
	must(t, os.Rename(dir+"/in", dir+"/away"))
	w.nextBrief(brief{"late.yaml:1 b", "in", ""})
	must(t, os.Rename(dir+"/away", dir+"/in"))
	w.nextBrief(brief{"in/a.yaml:1 a, late.yaml:1 b", "", "in"})
}

// change is one step between two looks at the files: renamed first, then removed, then written.
type change struct {
	rename, remove, write []string
	want                  brief
	silent                bool // no update is due
}

func (c change) do(t *testing.T, dir string) {
	t.Helper()
	for i := 0; i < len(c.rename); i += 2 {
		must(t, os.Rename(filepath.Join(dir, c.rename[i]), filepath.Join(dir, c.rename[i+1])))
	}
	for _, name := range c.remove {
		must(t, os.RemoveAll(filepath.Join(dir, name)))
	}
	put(t, dir, c.write...)
}

func TestMended(t *testing.T) {
	t.Parallel()
	x, v, z := service("x"), service("v"), service("z")
	for _, tc := range []struct {
		name  string
		names []string
		steps []change
	}{
		{"other good content", []string{"in"}, []change{
			{write: []string{"in/a.yaml", x}, want: brief{"in/a.yaml:1 x", "", ""}},
			{write: []string{"in/a.yaml", "["}, want: brief{"in/a.yaml:1 x", "in/a.yaml", ""}},
			{want: brief{"in/a.yaml:1 x", "", ""}, silent: true},
			{write: []string{"in/a.yaml", v}, want: brief{"in/a.yaml:1 v", "", "in/a.yaml"}},
			{want: brief{"in/a.yaml:1 v", "", ""}, silent: true},
			{write: []string{"in/a.yaml", "["}, want: brief{"in/a.yaml:1 v", "in/a.yaml", ""}},
			{write: []string{"in/a.yaml", z}, want: brief{"in/a.yaml:1 z", "", "in/a.yaml"}},
		}},
		{"the old good content", []string{"in"}, []change{
			{write: []string{"in/a.yaml", x, "in/b.yaml", v}, want: brief{"in/a.yaml:1 x, in/b.yaml:1 v", "", ""}},
			{write: []string{"in/a.yaml", "[", "in/b.yaml", "["}, want: brief{"in/a.yaml:1 x, in/b.yaml:1 v", "in/a.yaml in/b.yaml", ""}},
			{write: []string{"in/a.yaml", x, "in/b.yaml", v}, want: brief{"in/a.yaml:1 x, in/b.yaml:1 v", "", "in/a.yaml in/b.yaml"}},
		}},
		{"bad to worse", []string{"in"}, []change{
			{write: []string{"in/a.yaml", "["}, want: brief{"", "in/a.yaml", ""}},
			{write: []string{"in/a.yaml", "kind: Service\n"}, want: brief{"", "in/a.yaml", ""}},
			{write: []string{"in/a.yaml", x}, want: brief{"in/a.yaml:1 x", "", "in/a.yaml"}},
			{write: []string{"in/a.yaml", " "}, want: brief{"in/a.yaml:1 x", "in/a.yaml", ""}},
			{write: []string{"in/a.yaml", "["}, want: brief{"in/a.yaml:1 x", "in/a.yaml", ""}},
		}},
		{"missing file", []string{"a.conf"}, []change{
			{want: brief{"", "a.conf", ""}},
			{write: []string{"a.conf", "["}, want: brief{"", "a.conf", ""}},
			{remove: []string{"a.conf"}, want: brief{"", "a.conf", ""}},
			{write: []string{"a.conf", x}, want: brief{"a.conf:1 x", "", "a.conf"}},
		}},
		{"duplicate given up by the other file", []string{"in"}, []change{
			{write: []string{"in/a.yaml", x, "in/b.yaml", x}, want: brief{"in/a.yaml:1 x", "in/b.yaml", ""}},
			{write: []string{"in/a.yaml", "#\n" + x}, want: brief{"in/a.yaml:2 x", "", ""}},
			{write: []string{"in/a.yaml", v}, want: brief{"in/a.yaml:1 v, in/b.yaml:1 x", "", "in/b.yaml"}},
			{write: []string{"in/b.yaml", v}, want: brief{"in/a.yaml:1 v, in/b.yaml:1 x", "in/b.yaml", ""}},
			{remove: []string{"in/a.yaml"}, want: brief{"in/b.yaml:1 v", "", "in/b.yaml"}},
		}},
		{"removed from a folder", []string{"in"}, []change{
			{write: []string{"in/a.yaml", "[", "in/b.yaml", x}, want: brief{"in/b.yaml:1 x", "in/a.yaml", ""}},
			{remove: []string{"in/a.yaml"}, want: brief{"in/b.yaml:1 x", "", "in/a.yaml"}},
			{write: []string{"in/b.yaml", "["}, want: brief{"in/b.yaml:1 x", "in/b.yaml", ""}},
			{remove: []string{"in/b.yaml"}, want: brief{"", "in", "in/b.yaml"}},
			{remove: []string{"in"}, want: brief{"", "in", ""}},
			{write: []string{"in/c.yaml", z}, want: brief{"in/c.yaml:1 z", "", "in"}},
		}},
		{"away with its folder", []string{"in"}, []change{
			{write: []string{"in/a.yaml", "[", "in/b.yaml", "["}, want: brief{"", "in/a.yaml in/b.yaml", ""}},
			{rename: []string{"in", "out"}, want: brief{"", "in", ""}},
			{want: brief{}, silent: true},
			{rename: []string{"out", "in"}, remove: []string{"in/a.yaml"}, want: brief{"", "in/b.yaml", "in in/a.yaml"}},
			{write: []string{"in/b.yaml", x}, want: brief{"in/b.yaml:1 x", "", "in/b.yaml"}},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := &watching{t: t, dir: t.TempDir()}
			o := Options{Scheme: testScheme(t)}
			for _, n := range tc.names {
				o.Filenames = append(o.Filenames, filepath.Join(w.dir, n))
			}
			tr := newTracker(o)
			for i, step := range tc.steps {
				step.do(t, w.dir)
				u, changed := tr.scan(collect(o, false), nil)
				if d := cmp.Diff(step.want, w.brief(u), cmp.AllowUnexported(brief{})); d != "" || changed == step.silent {
					t.Errorf("step %d: changed %v, want %v; update (-want +got):\n%s", i, changed, !step.silent, d)
				}
			}
		})
	}
}

// TestMendedWaitsForCertainty removes a bad file between its listing and its reading: only the next
// listing tells whether that leaves a named file missing.
func TestMendedWaitsForCertainty(t *testing.T) {
	t.Parallel()
	w := &watching{t: t, dir: t.TempDir()}
	put(t, w.dir, "a.yaml", "[", "in/b.yaml", "[", "in/c.yaml", "")
	o := Options{Filenames: []string{w.dir + "/a.yaml", w.dir + "/in"}, Scheme: testScheme(t)}
	tr := newTracker(o)
	tr.scan(collect(o, false), nil)
	listed := collect(o, false)
	must(t, os.Remove(w.dir+"/a.yaml"))
	must(t, os.Remove(w.dir+"/in/b.yaml"))
	if u, changed := tr.scan(listed, nil); changed || w.brief(u) != (brief{}) {
		t.Errorf("update %+v before the files are listed again", u)
	}
	u, _ := tr.scan(collect(o, false), nil)
	if d := cmp.Diff(brief{"", "a.yaml", "in/b.yaml"}, w.brief(u), cmp.AllowUnexported(brief{})); d != "" {
		t.Errorf("update (-want +got):\n%s", d)
	}
}

// TestMendedWatches has the operating system refuse a watch, and fail to end one: the first lasts until
// it is given, the other is told and never mended.
func TestMendedWatches(t *testing.T) {
	t.Parallel()
	w := &watching{t: t, dir: t.TempDir()}
	put(t, w.dir, "a.yaml", "")
	o := Options{Filenames: []string{w.dir}, Scheme: testScheme(t)}
	tr := newTracker(o)
	for i, step := range []struct {
		failed []*Error
		want   brief
	}{
		{[]*Error{{File: "/full", Message: "changes cannot be watched"}, {File: "/old", Message: "watch cannot be ended", passing: true}}, brief{"", "/full /old", ""}},
		{nil, brief{"", "", "/full"}},
	} {
		u, changed := tr.scan(collect(o, false), step.failed)
		if d := cmp.Diff(step.want, w.brief(u), cmp.AllowUnexported(brief{})); d != "" || !changed {
			t.Errorf("step %d: changed %v; update (-want +got):\n%s", i, changed, d)
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	here, err := filepath.Abs(".")
	must(t, err)
	for _, tc := range []struct {
		name, folder string
		want         bool
	}{
		{"/in/a.yaml", "/in", true},
		{"/in", "/in", true},
		{"/inner/a.yaml", "/in", false},
		{"/in", "/in/sub", false},
		{"/a.yaml", "/", true},
		{"a.yaml", ".", true},
		{"in/a.yaml", "in", true},
		{"../a.yaml", ".", false},
		{"../a.yaml", "..", true},
		{filepath.Join(here, "a.yaml"), ".", true},
	} {
		if got := within(tc.name, tc.folder); got != tc.want {
			t.Errorf("within(%q, %q) = %v, want %v", tc.name, tc.folder, got, tc.want)
		}
	}
}
