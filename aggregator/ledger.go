package aggregator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kagg-project/kagg/internal/manifest"
)

// ledger remembers in the state folder which objects came from files, where the
// objects outlive the process: those that left the files meanwhile are deleted at
// the next start, and those of kubectl stay. A nil ledger remembers nothing. It is
// used by the one goroutine of files.
type ledger struct {
	file string
	// former are objects of an earlier process that this one has not put or removed
	// yet, current those of this one. The UID is empty where the process ended
	// before it knew whether it had made the object.
	former, current map[fileKey]types.UID
	saved           []byte
}

// ledgerEntry is one object in the file.
type ledgerEntry struct {
	APIVersion string    `json:"apiVersion"`
	Kind       string    `json:"kind"`
	Namespace  string    `json:"namespace,omitempty"`
	Name       string    `json:"name"`
	UID        types.UID `json:"uid,omitempty"`
}

// openLedger reads the ledger of the state folder; nil where objects do not
// outlive the process.
func (a *Aggregator) openLedger() (*ledger, error) {
	if !a.config.Storage.outlives() {
		return nil, nil
	}
	l := &ledger{file: filepath.Join(a.state.Dir, "files.json"), former: map[fileKey]types.UID{}, current: map[fileKey]types.UID{}}
	content, err := os.ReadFile(l.file)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, err
	}
	var entries []ledgerEntry
	if err := json.Unmarshal(content, &entries); err != nil {
		return nil, fmt.Errorf("the list %q of the objects that came from files cannot be read: %w: delete it, and delete objects that left the files with kubectl", l.file, err)
	}
	l.saved = content
	for _, e := range entries {
		l.former[fileKey{schema.FromAPIVersionAndKind(e.APIVersion, e.Kind), e.Namespace, e.Name}] = e.UID
	}
	return l, nil
}

// note takes that an object of a file exists under a UID.
func (l *ledger) note(key fileKey, uid types.UID) {
	if l != nil {
		l.current[key] = uid
	}
}

// intend remembers objects before they are made.
func (l *ledger) intend(wanted map[fileKey]manifest.Object) error {
	all := maps.Clone(l.former)
	for key := range wanted {
		if _, ok := all[key]; !ok {
			all[key] = ""
		}
	}
	maps.Copy(all, l.current)
	return l.save(all)
}

// settle remembers what exists now: the applied objects, and those of an earlier
// process that could neither be put nor removed.
func (l *ledger) settle(applied map[fileKey]manifest.Object) error {
	if l == nil {
		return nil
	}
	maps.DeleteFunc(l.former, func(key fileKey, _ types.UID) bool { _, ok := applied[key]; return ok })
	maps.DeleteFunc(l.current, func(key fileKey, _ types.UID) bool { _, ok := applied[key]; return !ok })
	all := maps.Clone(l.former)
	maps.Copy(all, l.current)
	return l.save(all)
}

// save writes the file in one step, unless it has this content.
func (l *ledger) save(all map[fileKey]types.UID) (err error) {
	entries := make([]ledgerEntry, 0, len(all))
	for _, key := range slices.SortedFunc(maps.Keys(all), compareFileKeys) {
		version, kind := key.kind.ToAPIVersionAndKind()
		entries = append(entries, ledgerEntry{version, kind, key.namespace, key.name, all[key]})
	}
	content, err := json.MarshalIndent(entries, "", " ")
	if err != nil || bytes.Equal(content, l.saved) || (len(all) == 0 && l.saved == nil) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(l.file), "files.json.tmp-") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = cmp.Or(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), l.file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("remembering which objects came from files: %w", err), os.Remove(f.Name()))
	}
	l.saved = content
	return nil
}

// settleFormer removes what an earlier process put from files that do not have it
// any more, and remembers what is wanted before it is made.
func (f *files) settleFormer(ctx context.Context, wanted map[fileKey]manifest.Object) []error {
	if f.ledger == nil {
		return nil
	}
	errs := []error{f.ledger.intend(wanted)}
	for _, key := range slices.Backward(slices.SortedFunc(maps.Keys(f.ledger.former), compareFileKeys)) {
		if _, ok := wanted[key]; ok {
			continue
		}
		err := f.removeFormer(ctx, key, f.ledger.former[key])
		if errors.Is(err, errNotServed) {
			f.waiting[key] = true
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("removing %s, which left the files while kagg was not running: %w", key, err))
			continue
		}
		delete(f.ledger.former, key)
	}
	return errs
}

// removeFormer deletes an object, unless it is another one by now.
func (f *files) removeFormer(ctx context.Context, key fileKey, uid types.UID) error {
	in, _, err := f.in(key)
	if err != nil {
		return err
	}
	found, err := in.Get(ctx, key.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	ours := slices.ContainsFunc(found.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool { return m.Manager == fieldManager })
	if current := found.GetUID(); (uid == "" && !ours) || (uid != "" && uid != current) {
		return nil
	}
	err = in.Delete(ctx, key.name, *metav1.NewPreconditionDeleteOptions(string(found.GetUID())))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}
