package manifest

import (
	"context"
	"testing"
	"time"
)

// A shell's "make-manifests > file" empties the file long before it writes it.
func TestWatchKeepsObjectsOfAnEmptiedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.yaml", service("a"), "empty.yaml", "")
	w := watch(t, dir, false, ".")
	w.next("a.yaml:1 a")
	replace(t, dir+"/a.yaml", " \n")
	w.next("a.yaml:1 a", "a.yaml: the file became empty: its last objects stay; remove the file if they are to go")
	replace(t, dir+"/a.yaml", service("b"))
	w.next("a.yaml:1 b")
	replace(t, dir+"/a.yaml", "# nothing any more\n")
	w.next("")
}

// neverRead is a terminal at which nobody types.
type neverRead struct{ asked chan struct{} }

func (n neverRead) Read([]byte) (int, error) {
	close(n.asked)
	select {}
}

func TestWatchEndsWhileAStreamIsOpen(t *testing.T) {
	t.Parallel()
	stdin := neverRead{make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- Watch(ctx, Options{Filenames: []string{"-"}, Stdin: stdin, Scheme: testScheme(t)},
			func(u Update) { t.Errorf("update %v before the stream ended", u) })
	}()
	<-stdin.asked
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Watch waits for its stream")
	}
}
