package aggregator

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// A log in the folder of a bad token file must not feed on itself.
func TestTokenFileIsToldOfOncePerChange(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, log := filepath.Join(folder, "tokens.csv"), filepath.Join(folder, "log")
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(file, "secret,alice,1\n")
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
	go tokens.follow(ctx, watcher, func(err error) {
		told <- err
		write(log, "told\n")
	})
	steps := []struct {
		name   string
		change func()
		bad    bool
	}{
		{"garbage", func() { write(file, "x\n") }, true},
		{"removed", func() { _ = os.Remove(file) }, true},
		{"good", func() { write(file, "other,bob,2\n") }, false},
	}
	for _, step := range steps {
		step.change()
		if err := <-told; (err != nil) != step.bad {
			t.Errorf("%s: told %v", step.name, err)
		}
	}
	if len(told) != 0 {
		t.Errorf("told once more: %v", <-told)
	}
	if resp, ok, err := tokens.AuthenticateToken(t.Context(), "other"); !ok || err != nil || resp.User.GetName() != "bob" {
		t.Errorf("the newest token: %v %v %v", resp, ok, err)
	}
}
