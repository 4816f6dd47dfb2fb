package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/fsnotify/fsnotify"
)

var errWatchEnded = errors.New("watch files: the operating system ended the watch: restart kagg")

// maxRounds bounds how often folders are listed again because new ones had to be watched.
const maxRounds = 10

// Update is what Watch reports.
type Update struct {
	// Objects are all objects of the last good state of every file, in the order of Load. The slice is
	// the receiver's; the objects in it are shared.
	Objects []Object
	// Errors are *Error values, by place, that are new since the last update: those of a file whose
	// content became bad, once for each content; and once, while they last, those of files and folders
	// that are missing, empty or cannot be read or watched.
	Errors []error
	// Mended are the names, as in Error.File, sorted, of files and places with errors in an earlier
	// update of which none holds any more: the content is good again, be it the old one, or another
	// file gave up the object that both had; what was missing, empty or unreadable no longer is; or the
	// file was removed from a folder that is read, and its objects went with it. A file that was named
	// itself is not mended by removing it, as it is missing then; nor is what lay in a folder that is
	// away or cannot be read, until the folder is back. Each is named once for each mending, and never
	// in the first update.
	Mended []string
}

// Watch reads all files that o names, reports them, and then reports each change, until ctx is done.
//
// The first update always comes, at once, with whatever errors there are, so a caller that stops on
// errors at the start needs no Load before; after one, standard input would be at its end. Names that
// do not exist yet are waited for (their error wraps fs.ErrNotExist). Later updates come when an object
// was added, changed, moved or removed, there is a new error, or an old one was mended: 40 ms after the
// last event on the file system, and 150 ms after the first if there is no end to them. A file that becomes bad, or in which
// an object turns up that another file has, keeps the objects of its last good content, and so does one
// that becomes empty, as it may be about to be written; a file that is removed loses them. Standard input and pipes are read once.
//
// Followed are files that are written, replaced by rename or removed; folders and, with Recursive, new
// ones below; symbolic links anywhere on the way, so Kubernetes' own mounts; and what does not exist
// yet. Not noticed is the renaming of a folder far above that the given name does not tell: for
// /a/b/c.yaml that of /a.
//
// on is called in the goroutine of Watch, never twice at once, and holds it up while it runs. Watch
// returns nil when ctx is done, and an error when the operating system can watch nothing. It leaves no
// goroutine behind, but for one that reads a stream, such as a terminal, whose end has not come yet.
func Watch(ctx context.Context, o Options, on func(Update)) (err error) {
	w := &watcher{options: o, tracker: newTracker(o)}
	if err := w.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.notify.Close()) }()

	soon := newDebouncer()
	look := func(always bool) {
		update, changed, settled := w.look(ctx)
		if !settled {
			soon.event()
		}
		if (changed || always) && ctx.Err() == nil {
			on(update)
		}
	}
	look(true)
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-w.notify.Events:
			if !open {
				return errWatchEnded
			}
			if w.places.concerns(event.Name, event.Has(fsnotify.Create|fsnotify.Remove|fsnotify.Rename)) {
				soon.event()
			}
		case _, open := <-w.notify.Errors:
			if !open {
				return errWatchEnded
			}
			// Events were lost, the end of a watch maybe among them: begin anew and look at everything.
			if err := w.reopen(); err != nil {
				return err
			}
			soon.event()
		case <-soon.due():
			soon.done()
			look(false)
		}
	}
}

// watcher keeps the watches on folders in step with where the files are.
type watcher struct {
	options Options
	tracker *tracker
	places  places

	notify *fsnotify.Watcher
	// folders are those watched. A path may come to name another folder while its watch still looks
	// at the old one.
	folders map[string]os.FileInfo
	failed  []*Error // folders that cannot be watched
}

func (w *watcher) open() error {
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch files: %w (on Linux, raise fs.inotify.max_user_instances if it is used up)", err)
	}
	w.notify, w.folders = notify, map[string]os.FileInfo{}
	return nil
}

func (w *watcher) reopen() error {
	if err := w.notify.Close(); err != nil {
		return fmt.Errorf("watch files: %w", err)
	}
	return w.open()
}

// look lists and reads all files. Folders are watched before they are listed for the last time, so
// nothing that happens in between is missed; settled is false if they would not stop changing.
func (w *watcher) look(ctx context.Context) (update Update, changed, settled bool) {
	var c *collector
	for range maxRounds {
		c = collect(w.options, true)
		if settled = !w.follow(c.places.watched()); settled {
			break
		}
	}
	w.places = c.places
	if !w.tracker.readStreams(ctx, c.entries) {
		return Update{}, false, true
	}
	update, changed = w.tracker.scan(c, w.failed)
	return update, changed, settled
}

// follow watches exactly these folders, and reports whether there was a new one.
func (w *watcher) follow(folders []string) (added bool) {
	w.failed = nil
	active := map[string]bool{}
	for _, f := range w.notify.WatchList() {
		active[f] = true
	}
	wanted := map[string]bool{}
	for _, f := range folders {
		wanted[f] = true
		info, err := os.Stat(f)
		if err == nil && active[f] && w.folders[f] != nil && os.SameFile(w.folders[f], info) {
			continue
		}
		if active[f] {
			w.forget(f)
		}
		if err == nil {
			err = w.notify.Add(f)
		}
		switch {
		case err == nil:
			w.folders[f] = info
			added = true
		case errors.Is(err, fs.ErrNotExist):
			// Removed since it was listed: list again.
			added = true
		default:
			w.failed = append(w.failed, &Error{
				File: f, Message: "changes cannot be watched: " + cause(err), cause: err,
				Mend: "make the folder readable for kagg (on Linux, raise fs.inotify.max_user_watches if it is used up)",
			})
		}
	}
	for f := range active {
		if !wanted[f] {
			w.forget(f)
		}
	}
	return added
}

// forget ends a watch. That it had ended by itself, with its folder, is no failure.
func (w *watcher) forget(folder string) {
	delete(w.folders, folder)
	if err := w.notify.Remove(folder); err != nil && !errors.Is(err, fsnotify.ErrNonExistentWatch) {
		w.failed = append(w.failed, &Error{File: folder, Message: "watch cannot be ended: " + cause(err), cause: err, passing: true, Mend: "restart kagg if changes go unnoticed"})
	}
}
