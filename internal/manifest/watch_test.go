package manifest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// watching is a Watch under test.
type watching struct {
	t       *testing.T
	dir     string
	updates chan Update
}

// watch starts a Watch of names below dir, which ends with the test.
func watch(t *testing.T, dir string, recursive bool, names ...string) *watching {
	t.Helper()
	w := &watching{t: t, dir: dir, updates: make(chan Update, 64)}
	o := Options{Recursive: recursive, Scheme: testScheme(t), Stdin: strings.NewReader(service("stdin"))}
	for _, n := range names {
		if n != "-" {
			n = filepath.Join(dir, n)
		}
		o.Filenames = append(o.Filenames, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Watch(ctx, o, func(u Update) { w.updates <- u }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	return w
}

// next waits for the next update and compares it: objects as "file:line name" and errors as text.
func (w *watching) next(objects string, errs ...string) {
	w.t.Helper()
	start := time.Now()
	select {
	case u := <-w.updates:
		if d := cmp.Diff(objects, w.names(u)); d != "" {
			w.t.Errorf("objects (-want +got):\n%s", d)
		}
		var got []string
		for _, e := range u.Errors {
			got = append(got, strings.ReplaceAll(e.Error(), w.dir+"/", ""))
		}
		if d := cmp.Diff(errs, got); d != "" {
			w.t.Errorf("errors (-want +got):\n%s", d)
		}
		w.t.Logf("update after %v", time.Since(start).Round(time.Millisecond))
	case <-time.After(20 * time.Second):
		w.t.Fatalf("no update; want objects %q, errors %q", objects, errs)
	}
}

// until takes updates until the objects are these. Where a change is several system calls, an update
// may come between them.
func (w *watching) until(objects string) {
	w.t.Helper()
	last := ""
	for {
		select {
		case u := <-w.updates:
			if last = w.names(u); last == objects {
				return
			}
		case <-time.After(20 * time.Second):
			w.t.Fatalf("objects = %q, want %q", last, objects)
		}
	}
}

func (w *watching) names(u Update) string {
	list := make([]string, 0, len(u.Objects))
	for _, o := range u.Objects {
		place := strings.TrimPrefix(o.Source.String(), w.dir+"/")
		list = append(list, place+" "+o.Object.GetName())
	}
	return strings.Join(list, ", ")
}

// replace writes a file as careful editors do: another file, renamed over it.
func replace(t *testing.T, file, content string) {
	t.Helper()
	tmp := filepath.Join(filepath.Dir(file), ".tmp-of-editor")
	put(t, filepath.Dir(file), filepath.Base(tmp), content)
	if err := os.Rename(tmp, file); err != nil {
		t.Fatal(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.conf", service("a"), "other.yaml", "[")
	w := watch(t, dir, false, "a.conf")
	w.next("a.conf:1 a")
	replace(t, dir+"/a.conf", service("b"))
	w.next("a.conf:1 b")
	put(t, dir, "a.conf", "#\n"+service("c"))
	w.until("a.conf:2 c")
	must(t, os.Remove(dir+"/a.conf"))
	w.next("", "a.conf: no such file or folder; create it, or correct the name")
	put(t, dir, "a.conf", service("d"))
	w.until("a.conf:1 d")
}

func TestWatchBadThenGood(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.yaml", service("a"), "b.yaml", service("b"))
	w := watch(t, dir, false, ".")
	w.next("a.yaml:1 a, b.yaml:1 b")
	const broken = "a.yaml:1: YAML syntax error: did not find expected node content; check that this line is indented as its neighbours are, and that brackets and quotes are closed"
	replace(t, dir+"/a.yaml", "[")
	w.next("a.yaml:1 a, b.yaml:1 b", broken)
	// The same content again is no news; the change after it is, and does not repeat the error.
	replace(t, dir+"/a.yaml", "[")
	replace(t, dir+"/b.yaml", service("c"))
	w.next("a.yaml:1 a, b.yaml:1 c")
	// Other content is, though its error is the same.
	replace(t, dir+"/a.yaml", "[ ")
	w.next("a.yaml:1 a, b.yaml:1 c", broken)
	replace(t, dir+"/a.yaml", service("d"))
	w.next("a.yaml:1 d, b.yaml:1 c")
	replace(t, dir+"/a.yaml", "[")
	w.next("a.yaml:1 d, b.yaml:1 c", broken)
	must(t, os.Remove(dir+"/a.yaml"))
	w.next("b.yaml:1 c")
}

func TestWatchFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "in/a.yaml", service("a"), "in/note.txt", "")
	w := watch(t, dir, false, "in", "-")
	w.next("in/a.yaml:1 a, <stdin>:1 stdin")
	replace(t, dir+"/in/b.json", `{"apiVersion":"v1","kind":"Service","metadata":{"name":"b"}}`)
	w.next("in/a.yaml:1 a, in/b.json:1 b, <stdin>:1 stdin")
	must(t, os.Rename(dir+"/in/a.yaml", dir+"/in/z.yml"))
	w.next("in/b.json:1 b, in/z.yml:1 a, <stdin>:1 stdin")
	must(t, os.Rename(dir+"/in/z.yml", dir+"/in/z.txt"))
	w.next("in/b.json:1 b, <stdin>:1 stdin")
	must(t, os.Remove(dir+"/in/b.json"))
	w.next("<stdin>:1 stdin", "in: no manifest in the folder; put a .yaml, .yml or .json file there, or give -R to read its subfolders")
	must(t, os.Rename(dir+"/in", dir+"/away"))
	w.next("<stdin>:1 stdin", "in: no such file or folder; create it, or correct the name")
	put(t, dir, "new/c.yaml", service("c"))
	must(t, os.Rename(dir+"/new", dir+"/in"))
	w.next("in/c.yaml:1 c, <stdin>:1 stdin")
}

func TestWatchLateFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := watch(t, dir, false, "late/deep", "later/x.yaml")
	w.next("",
		"late/deep: no such file or folder; create it, or correct the name",
		"later/x.yaml: no such file or folder; create it, or correct the name")
	put(t, dir, "late/deep/a.yaml", service("a"))
	w.until("late/deep/a.yaml:1 a")
	put(t, dir, "later/x.yaml", service("x"))
	w.until("late/deep/a.yaml:1 a, later/x.yaml:1 x")
	must(t, os.RemoveAll(dir+"/late"))
	w.until("later/x.yaml:1 x")
	put(t, dir, "late/deep/b.yaml", service("b"))
	w.until("late/deep/b.yaml:1 b, later/x.yaml:1 x")
	replace(t, dir+"/late/deep/b.yaml", service("c"))
	w.until("late/deep/b.yaml:1 c, later/x.yaml:1 x")
}

func TestWatchSubfolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.yaml", service("a"), "x/b.yaml", service("b"))
	w := watch(t, dir, true, ".")
	w.next("a.yaml:1 a, x/b.yaml:1 b")
	replace(t, dir+"/x/b.yaml", service("c"))
	w.next("a.yaml:1 a, x/b.yaml:1 c")
	put(t, dir, "x/y/z/d.yaml", service("d"))
	w.until("a.yaml:1 a, x/b.yaml:1 c, x/y/z/d.yaml:1 d")
	replace(t, dir+"/x/y/z/d.yaml", service("e"))
	w.next("a.yaml:1 a, x/b.yaml:1 c, x/y/z/d.yaml:1 e")
	must(t, os.Rename(dir+"/x/y", dir+"/y"))
	w.next("a.yaml:1 a, x/b.yaml:1 c, y/z/d.yaml:1 e")
	replace(t, dir+"/y/z/d.yaml", service("f"))
	w.next("a.yaml:1 a, x/b.yaml:1 c, y/z/d.yaml:1 f")
	must(t, os.RemoveAll(dir+"/y"))
	w.until("a.yaml:1 a, x/b.yaml:1 c")
}

// mount makes a new version of a folder as the kubelet does, and switches to it at once.
func mount(t *testing.T, dir, version string, files ...string) {
	t.Helper()
	put(t, filepath.Join(dir, ".."+version), files...)
	link(t, ".."+version, dir+"/..data_tmp")
	must(t, os.Rename(dir+"/..data_tmp", dir+"/..data"))
}

func TestWatchMount(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"m", "m/a.yaml"} {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			mount(t, dir+"/m", "v1", "a.yaml", service("a"))
			link(t, "..data/a.yaml", dir+"/m/a.yaml")
			w := watch(t, dir, false, name)
			w.next("m/a.yaml:1 a")
			for i, version := range []string{"v2", "v3", "v4"} {
				mount(t, dir+"/m", version, "a.yaml", service("a"+version))
				must(t, os.RemoveAll(fmt.Sprintf("%s/m/..v%d", dir, i+1)))
				w.until("m/a.yaml:1 a" + version)
			}
		})
	}
}

func TestWatchLinkedFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "one/a.yaml", service("a"), "two/b.yaml", service("b"), "far/c.yaml", service("c"))
	link(t, "one", dir+"/current")
	w := watch(t, dir, false, "current")
	w.next("current/a.yaml:1 a")
	replace(t, dir+"/one/a.yaml", service("a2"))
	w.next("current/a.yaml:1 a2")
	link(t, "two", dir+"/next")
	must(t, os.Rename(dir+"/next", dir+"/current"))
	w.next("current/b.yaml:1 b")
	link(t, dir+"/far/c.yaml", dir+"/two/c.yaml")
	w.next("current/b.yaml:1 b, current/c.yaml:1 c")
	replace(t, dir+"/far/c.yaml", service("c2"))
	w.next("current/b.yaml:1 b, current/c.yaml:1 c2")
}

func TestWatchDuplicates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.yaml", service("x"), "b.yaml", service("v"))
	w := watch(t, dir, false, ".")
	w.next("a.yaml:1 x, b.yaml:1 v")
	// The file that changed last is the bad one, wherever it is in the order.
	replace(t, dir+"/a.yaml", service("z")+"---\n"+service("v"))
	w.next("a.yaml:1 x, b.yaml:1 v", `a.yaml:6: metadata.name: Service "v" is defined already at b.yaml:1; remove one of the two`)
	// It stays so when the other one changes and still has the object.
	replace(t, dir+"/b.yaml", "#\n"+service("v"))
	w.next("a.yaml:1 x, b.yaml:2 v")
	// What waits is taken in as soon as nothing is in its way.
	replace(t, dir+"/b.yaml", service("w"))
	w.next("a.yaml:1 z, a.yaml:6 v, b.yaml:1 w")
	must(t, os.Remove(dir+"/a.yaml"))
	w.next("b.yaml:1 w")
}

func TestWatchStartsWithErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.yaml", service("a"), "b.yaml", service("a"), "c.yaml", "kind: Service\n")
	w := watch(t, dir, false, ".")
	w.next("a.yaml:1 a",
		`b.yaml:1: metadata.name: Service "a" is defined already at a.yaml:1; remove one of the two`,
		`c.yaml:1: apiVersion: missing; write "apiVersion: v1"`)
}

// TestSettleSwaps moves objects between files that are saved at once.
func TestSettleSwaps(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := Options{Filenames: []string{dir}, Scheme: testScheme(t)}
	tr := newTracker(o)
	w := &watching{t: t, dir: dir}
	for i, step := range []struct {
		a, b    string
		want    string
		changed bool
		errs    int
	}{
		{service("x"), service("v"), "a.yaml:1 x, b.yaml:1 v", true, 0},
		{service("x"), service("v"), "a.yaml:1 x, b.yaml:1 v", false, 0},
		{service("v"), service("x"), "a.yaml:1 v, b.yaml:1 x", true, 0},
		{service("z"), service("z"), "a.yaml:1 z, b.yaml:1 x", true, 1},
		{service("x"), service("z"), "a.yaml:1 x, b.yaml:1 z", true, 0},
		{"[", service("x"), "a.yaml:1 x, b.yaml:1 z", true, 2},
		{"#", service("x"), "b.yaml:1 x", true, 0},
	} {
		put(t, dir, "a.yaml", step.a, "b.yaml", step.b)
		u, changed := tr.scan(collect(o, false), nil)
		if got := w.names(u); got != step.want || changed != step.changed || len(u.Errors) != step.errs {
			t.Errorf("step %d: objects %q, changed %v, errors %v; want %q, %v, %d errors", i, got, changed, u.Errors, step.want, step.changed, step.errs)
		}
	}
}

func TestDebounce(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		events []time.Duration // after the first
		want   time.Duration
	}{
		{"one event", nil, 40 * time.Millisecond},
		{"a burst", []time.Duration{10 * time.Millisecond, 30 * time.Millisecond}, 70 * time.Millisecond},
		{"no end", []time.Duration{30e6, 60e6, 90e6, 120e6, 149e6, 180e6}, 150 * time.Millisecond},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDebouncer()
				for range 2 {
					start := time.Now()
					d.event()
					if got := waitDue(d, start, tc.events); got != tc.want {
						t.Errorf("due after %v, want %v", got, tc.want)
					}
					d.done()
				}
			})
		})
	}
}

// waitDue gives d the events, at their times after start, until it is due, and returns when that was.
func waitDue(d *debouncer, start time.Time, events []time.Duration) time.Duration {
	for {
		var next <-chan time.Time
		if len(events) > 0 {
			next = time.After(time.Until(start.Add(events[0])))
		}
		select {
		case <-next:
			d.event()
			events = events[1:]
		case at := <-d.due():
			return at.Sub(start)
		}
	}
}

func TestConcerns(t *testing.T) {
	t.Parallel()
	p := newPlaces()
	p.folders["/in"], p.ways["/"], p.parts["/in"], p.files["/far/plain"] = true, true, true, true
	for _, tc := range []struct {
		name              string
		write, structural bool
	}{
		{"/in/a.yaml", true, true},
		{"/in/.a.yaml.swp", false, true},
		{"/in/..data", false, true},
		{"/in/log", false, true},
		{"/in", true, true},
		{"/other", false, false},
		{"/far/plain", true, true},
		{"/far/other.yaml", false, false},
	} {
		if got := p.concerns(tc.name, false); got != tc.write {
			t.Errorf("a write of %s concerns: %v, want %v", tc.name, got, tc.write)
		}
		if got := p.concerns(tc.name, true); got != tc.structural {
			t.Errorf("the coming or going of %s concerns: %v, want %v", tc.name, got, tc.structural)
		}
	}
}
