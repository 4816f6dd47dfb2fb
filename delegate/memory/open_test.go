package memory

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/apis/example"
	"k8s.io/apiserver/pkg/storage"
	testingclock "k8s.io/utils/clock/testing"
)

// kept is a backend on files, and what it told.
type kept struct {
	*Backend
	mu   sync.Mutex
	told []string
	news chan struct{}
}

func (k *kept) tell(message string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.told = append(k.told, message)
	k.news <- struct{}{}
}

func (k *kept) heard() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return strings.Join(k.told, "\n")
}

func open(t *testing.T, folder string, o Options) *kept {
	t.Helper()
	k := &kept{news: make(chan struct{}, 100)}
	var err error
	if k.Backend, err = Open(folder, o, k.tell); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return k
}

// copyFolder gives the files as they are at this moment, as a process that is killed leaves them.
func copyFolder(t *testing.T, folder string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "objects")
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return to
}

// state is all that a client can see of the pods.
func state(t *testing.T, b *Backend) []example.Pod {
	t.Helper()
	return listPods(t, newPodStore(t, b), storage.ListOptions{}).Items
}

func TestObjectsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "objects")
	first := open(t, folder, Options{})
	s := newPodStore(t, first.Backend)
	mustCreate(t, s, pod("ns", "a"))
	mustCreate(t, s, pod("ns", "b"))
	seen := mustRelabel(t, s, "ns", "a", "1").ResourceVersion
	mustDelete(t, s, "ns", "b")
	mustCreate(t, s, pod("ns", "c"))
	want, revision := state(t, first.Backend), first.Revision()
	first.Close()

	second := open(t, folder, Options{})
	if diff := cmp.Diff(want, state(t, second.Backend)); diff != "" {
		t.Errorf("objects (-before +after):\n%s", diff)
	}
	if second.Revision() <= revision {
		t.Errorf("the revision went from %d to %d", revision, second.Revision())
	}
	// A watch that had seen the relabelling goes on behind it.
	s = newPodStore(t, second.Backend)
	w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: seen})
	d := mustCreate(t, s, pod("ns", "d"))
	got := take(t, w, 3)
	if !strings.HasPrefix(got[0], "DELETED b@") || !strings.HasPrefix(got[1], "ADDED c@") || got[2] != "ADDED d@"+d.ResourceVersion {
		t.Errorf("the watch from %s got %q", seen, got)
	}
	for _, e := range []string{"snapshot", "journal-00000001"} {
		info, err := os.Stat(filepath.Join(folder, e))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e, info, err)
		}
	}
	if heard := first.heard() + second.heard(); heard != "" {
		t.Errorf("told: %s", heard)
	}
}

// Revisions that a killed process had given and not written are told from those that it had written.
func TestLostRevisionsExpire(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "objects")
	first := open(t, folder, Options{})
	s := newPodStore(t, first.Backend)
	safe := mustCreate(t, s, pod("ns", "a")).ResourceVersion
	first.await(t, safe)
	killed := copyFolder(t, folder)
	lost := mustCreate(t, s, pod("ns", "lost")).ResourceVersion

	second := open(t, killed, Options{})
	s = newPodStore(t, second.Backend)
	made := mustCreate(t, s, pod("ns", "b")).ResourceVersion
	if got := take(t, mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: safe}), 1); got[0] != "ADDED b@"+made {
		t.Errorf("the watch from %s got %q", safe, got)
	}
	if got := take(t, mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: lost}), 1); got[0] != "ERROR 410 Expired" {
		t.Errorf("the watch from the lost %s got %q", lost, got)
	}
	err := s.GetList(t.Context(), "/pods", storage.ListOptions{
		ResourceVersion: lost, ResourceVersionMatch: metav1.ResourceVersionMatchExact, Recursive: true, Predicate: storage.Everything,
	}, &example.PodList{})
	if !apierrors.IsResourceExpired(err) {
		t.Errorf("the list at the lost %s got %v", lost, err)
	}
}

// await waits until the event of a revision is in the files.
func (k *kept) await(t *testing.T, revision string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		b, err := Open(copyFolder(t, k.journal.folder), Options{}, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, table := range b.tables {
			for _, e := range table.events {
				found = found || fmt.Sprint(e.rev) == revision
			}
		}
		b.Close()
		if found {
			return
		}
	}
	t.Fatalf("revision %s does not come into the files", revision)
}

// A journal that is cut anywhere gives a state that once was, and the cut is told.
func TestTornJournal(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "objects")
	first := open(t, folder, Options{})
	s := newPodStore(t, first.Backend)
	states := []string{fmt.Sprint(state(t, first.Backend))}
	for i := range 5 {
		mustCreate(t, s, pod("ns", fmt.Sprint("a", i)))
		states = append(states, fmt.Sprint(state(t, first.Backend)))
	}
	first.Close()
	content, err := os.ReadFile(filepath.Join(folder, "journal-00000001"))
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut < len(content); cut += 37 {
		torn := copyFolder(t, folder)
		if err := os.WriteFile(filepath.Join(torn, "journal-00000001"), content[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		again := open(t, torn, Options{})
		got := fmt.Sprint(state(t, again.Backend))
		if !slices.Contains(states, got) {
			t.Errorf("cut at %d: %s", cut, got)
		}
		if cut > len(fileHeader) && !strings.Contains(again.heard(), "in the middle of a record") {
			t.Errorf("cut at %d: told %q", cut, again.heard())
		}
		mustCreate(t, newPodStore(t, again.Backend), pod("ns", "after"))
		want := state(t, again.Backend)
		again.Close()
		if diff := cmp.Diff(want, state(t, open(t, torn, Options{}).Backend)); diff != "" {
			t.Errorf("cut at %d, written on and opened again (-want +got):\n%s", cut, diff)
		}
	}
}

// A damaged file is an error with the mend, and is left as it is.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "objects")
	first := open(t, folder, Options{})
	mustCreate(t, newPodStore(t, first.Backend), pod("ns", "a"))
	mustCreate(t, newPodStore(t, first.Backend), pod("ns", "b"))
	first.Close()
	for name, c := range map[string]struct {
		file string
		at   int
		want string
	}{
		"snapshot": {"snapshot", 30, "is damaged at byte"},
		"journal":  {"journal-00000001", 80, "is damaged at byte"},
		"format":   {"snapshot", len(magic), `has format`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			copied := copyFolder(t, folder)
			file := filepath.Join(copied, c.file)
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			content[c.at]++
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err = Open(copied, Options{}, func(string) {})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "move") {
				t.Errorf("got %v", err)
			}
			if after, err := os.ReadFile(file); err != nil || string(after) != string(content) {
				t.Errorf("the file changed: %v", err)
			}
		})
	}
}

// What expired while nobody ran does not come back; what has not goes on to live for the rest of its time.
func TestTimeToLiveGoesOn(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "objects")
	clock := testingclock.NewFakeClock(time.Now())
	first := open(t, folder, Options{Clock: clock})
	s := newPodStore(t, first.Backend)
	for name, ttl := range map[string]uint64{"short": 10, "long": 100, "forever": 0} {
		if err := s.Create(t.Context(), podKey("ns", name), pod("ns", name), nil, ttl); err != nil {
			t.Fatal(err)
		}
	}
	first.Close()
	clock.Step(20 * time.Second)
	second := open(t, folder, Options{Clock: clock})
	if got := names(state(t, second.Backend)); got != "forever long" {
		t.Errorf("after 20s there are %q", got)
	}
	s = newPodStore(t, second.Backend)
	w := mustWatch(t, s, "/pods", storage.ListOptions{ResourceVersion: fmt.Sprint(second.Revision())})
	clock.Step(81 * time.Second)
	if got := take(t, w, 1); !strings.HasPrefix(got[0], "DELETED long@") {
		t.Errorf("after 101s: %q", got)
	}
}

func names(pods []example.Pod) string {
	out := make([]string, 0, len(pods))
	for _, p := range pods {
		out = append(out, p.Name)
	}
	return strings.Join(out, " ")
}

// Snapshots take the journal's place while writers go on, and the files are good at every moment between.
func TestSnapshotsWhileWriting(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "objects")
	first := open(t, folder, Options{HistoryLimit: 10})
	s := newPodStore(t, first.Backend)
	big := strings.Repeat("x", 100_000)
	created := pod("ns", "a")
	created.Labels = map[string]string{"big": big}
	for i := range 400 { // 40 MB: several journals
		created.Name = fmt.Sprint("a", i%7)
		if i >= 7 {
			mustDelete(t, s, "ns", created.Name)
		}
		mustCreate(t, s, created.DeepCopy())
		if i%100 == 99 {
			open(t, copyConsistent(t, folder), Options{HistoryLimit: 10}).Close()
		}
	}
	want := state(t, first.Backend)
	first.Close()
	if first.heard() != "" {
		t.Errorf("told: %s", first.heard())
	}
	files := journals(folder)
	if len(files) != 1 || strings.HasSuffix(files[0], "journal-00000001") {
		t.Errorf("the journals are %q", files)
	}
	if diff := cmp.Diff(want, state(t, open(t, folder, Options{}).Backend)); diff != "" {
		t.Errorf("objects (-before +after):\n%s", diff)
	}
}

// Whatever is due when a backend is closed, nothing writes to its folder any more afterwards.
func TestNothingIsWrittenAfterClose(t *testing.T) {
	t.Parallel()
	for range 20 { // whether the journal sees the event or the end first is chance
		folder := filepath.Join(t.TempDir(), "objects")
		b := open(t, folder, Options{})
		b.journal.size = journalLeast // the next event makes a snapshot due
		mustCreate(t, newPodStore(t, b.Backend), pod("ns", "a"))
		b.Close()
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		if err != nil || len(files) != 2 || len(journals(folder)) != 1 {
			t.Fatalf("not a snapshot and its journal: %q, %v", files, err)
		}
	}
}

// copyConsistent copies the folder, again when a file was replaced meanwhile.
func copyConsistent(t *testing.T, folder string) string {
	t.Helper()
	for {
		before := journals(folder)
		to := filepath.Join(t.TempDir(), "objects")
		err := os.CopyFS(to, os.DirFS(folder))
		if err == nil && fmt.Sprint(before) == fmt.Sprint(journals(folder)) {
			return to
		}
	}
}

// When the disk refuses, the objects stay in memory, it is told, and the files are complete once it is well.
func TestDiskErrors(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "objects")
	first := open(t, folder, Options{})
	s := newPodStore(t, first.Backend)
	mustCreate(t, s, pod("ns", "a"))
	if err := first.journal.file.Close(); err != nil { // the next write fails
		t.Fatal(err)
	}
	mustCreate(t, s, pod("ns", "b"))
	want := state(t, first.Backend)
	for !strings.Contains(first.heard(), "are kept in") {
		select {
		case <-first.news:
		case <-time.After(30 * time.Second):
			t.Fatalf("told within 30s: %s", first.heard())
		}
	}
	first.Close()
	if heard := first.heard(); !strings.Contains(heard, "cannot be kept in "+folder) || !strings.Contains(heard, "are kept in "+folder+" again") {
		t.Errorf("told: %s", heard)
	}
	if diff := cmp.Diff(want, state(t, open(t, folder, Options{}).Backend)); diff != "" {
		t.Errorf("objects (-before +after):\n%s", diff)
	}
}
