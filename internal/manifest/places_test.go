package manifest

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTrace finds what must be watched on the way to a name.
func TestTrace(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	put(t, dir, "a/b/c.yaml", "", "x/y/z.yaml", "", "file", "")
	link(t, "../x/y", dir+"/a/up")
	link(t, dir+"/a/up/../y/z.yaml", dir+"/far")
	link(t, "loop", dir+"/loop")
	project, err := filepath.Abs("../..")
	must(t, err)
	for _, tc := range []struct {
		name string
		root string
		want []string
	}{
		{dir + "/a/b/c.yaml", dir, []string{"/a/b"}},
		{dir + "/a/up/z.yaml", dir, []string{"/a", "/x/y"}},
		{dir + "/far", dir, []string{"", "/a", "/x/y"}},
		{dir + "/a/gone/deep/d.yaml", dir, []string{"/a"}},
		{dir + "/file/d.yaml", dir, []string{"/file"}},
		{dir + "/loop", dir, []string{""}},
		{"../../testdata/manifest/list", project, []string{"", "/testdata", "/testdata/manifest"}},
		{"gone/a.yaml", project, []string{"/internal/manifest"}},
	} {
		p := newPlaces()
		p.trace(tc.name)
		var got []string
		for _, way := range slices.Sorted(maps.Keys(p.ways)) {
			got = append(got, strings.TrimPrefix(way, tc.root))
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("trace %s (-want +got):\n%s", tc.name, d)
		}
	}
}

// TestScanKeepsWhatCannotBeListed holds the objects of a folder that is there and gives an error.
func TestScanKeepsWhatCannotBeListed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "in/a.yaml", service("a"), "inner/b.yaml", service("b"))
	o := Options{Filenames: []string{dir + "/in", dir + "/inner"}, Scheme: testScheme(t)}
	tr := newTracker(o)
	w := &watching{t: t, dir: dir}
	tr.scan(collect(o, false), nil)

	failing := &collector{unreadable: []string{dir + "/in"}}
	failing.fail(dir+"/in", "folder cannot be read: too many open files", "", fs.ErrPermission)
	for i, want := range []struct {
		changed bool
		errs    int
	}{{true, 1}, {false, 0}} {
		u, changed := tr.scan(failing, nil)
		if got := w.names(u); got != "in/a.yaml:1 a" || changed != want.changed || len(u.Errors) != want.errs {
			t.Errorf("scan %d: objects %q, changed %v, errors %v; want in/a.yaml:1 a, %v, %d errors", i, got, changed, u.Errors, want.changed, want.errs)
		}
	}
}

// TestReopenWatchesAgain does what follows on an overflow of the operating system's queue.
func TestReopenWatchesAgain(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	put(t, dir, "a.yaml", service("a"))
	o := Options{Filenames: []string{dir}, Scheme: testScheme(t)}
	w := &watcher{options: o, tracker: newTracker(o)}
	must(t, w.open())
	t.Cleanup(func() { must(t, w.notify.Close()) })
	wanted := []string{filepath.Dir(dir), dir}
	for _, step := range []struct {
		before  func()
		changed bool
	}{
		{func() {}, true},
		{func() {
			put(t, dir, "b.yaml", service("b"))
			must(t, w.reopen())
		}, true},
		{func() { must(t, w.reopen()) }, false},
	} {
		step.before()
		_, changed, settled := w.look(t.Context())
		if changed != step.changed || !settled || len(w.failed) > 0 {
			t.Errorf("look: changed %v, settled %v, failed %v; want changed %v, settled", changed, settled, w.failed, step.changed)
		}
		if d := cmp.Diff(wanted, slices.Sorted(slices.Values(w.notify.WatchList()))); d != "" {
			t.Errorf("watched folders (-want +got):\n%s", d)
		}
	}
	// A folder that another one took the place of is watched anew, though its name is the same and its
	// own end was not told, as when a process still has it open.
	held, err := os.Open(dir)
	must(t, err)
	t.Cleanup(func() { must(t, held.Close()) })
	old := w.folders[dir]
	must(t, os.Rename(dir, dir+"-old"))
	must(t, os.Mkdir(dir, 0o750))
	if w.follow(w.places.watched()); os.SameFile(old, w.folders[dir]) {
		t.Error("the watch stayed on the folder that was renamed")
	}
}
