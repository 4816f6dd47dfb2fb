package aggregator

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A log in the folder of a bad token file must not feed on itself.
func TestTokenFileIsToldOfOncePerChange(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, log := filepath.Join(folder, "tokens.csv"), filepath.Join(folder, "log")
	// Replaced as a whole: a file that was only truncated so far is another change.
	write := func(content string) {
		next := filepath.Join(folder, "next")
		if err := errors.Join(os.WriteFile(next, []byte(content), 0o600), os.Rename(next, file)); err != nil {
			t.Error(err)
		}
	}
	write("secret,alice,1\n")
	tokens, err := newTokenFile(file)
	if err != nil {
		t.Fatal(err)
	}
	watcher, err := tokens.watch()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := make(chan error, 16)
	go func() {
		defer close(told)
		tokens.follow(ctx, watcher, func(err error) {
			if err := os.WriteFile(log, []byte("told\n"), 0o600); err != nil {
				t.Error(err)
			}
			told <- err
		})
	}()
	gone := func(err error) bool { return errors.Is(err, fs.ErrNotExist) }
	steps := []struct {
		name   string
		change func()
		as     func(error) bool
	}{
		{"garbage", func() { write("x\n") }, func(err error) bool { return err != nil && !gone(err) }},
		{"removed", func() { _ = os.Remove(file) }, gone},
		{"good", func() { write("other,bob,2\n") }, func(err error) bool { return err == nil }},
	}
	for _, step := range steps {
		step.change()
		if err := <-told; !step.as(err) {
			t.Errorf("%s: told %v", step.name, err)
		}
	}
	cancel()
	for err := range told {
		t.Errorf("told once more: %v", err)
	}
	// What follows the log's own change.
	if changed, err := tokens.reload(); changed || err != nil {
		t.Errorf("the file is called changed, %v", err)
	}
	if resp, ok, err := tokens.AuthenticateToken(t.Context(), "other"); !ok || err != nil || resp.User.GetName() != "bob" {
		t.Errorf("the newest token: %v %v %v", resp, ok, err)
	}
}
