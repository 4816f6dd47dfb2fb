package aggregator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
)

// tokenSettle is how long a token file must be quiet before it is read: one that
// is being written would be read in part.
const tokenSettle = 50 * time.Millisecond

// tokens authenticates by a token file, and by its newest good content when the
// file changes.
type tokens struct {
	file    string
	current atomic.Pointer[tokenfile.TokenAuthenticator]

	// What was read last, good or bad; it belongs to who reloads.
	content []byte
	missing bool
}

// newTokenFile reads a token file; the name "" gives an authenticator that knows
// no token.
func newTokenFile(file string) (*tokens, error) {
	t := &tokens{file: file}
	if file == "" {
		t.current.Store(tokenfile.New(nil))
		return t, nil
	}
	_, err := t.reload()
	return t, err
}

// reload reads the file, and tells whether it differs from what was read last;
// the last good content stays when it cannot be read.
func (t *tokens) reload() (changed bool, err error) {
	content, err := os.ReadFile(t.file)
	if missing := err != nil; t.content != nil && missing == t.missing && bytes.Equal(content, t.content) {
		return false, nil
	}
	t.content, t.missing = append([]byte{}, content...), err != nil
	if err != nil {
		return true, fmt.Errorf("--token-auth-file: %w: name a CSV file of tokens", err)
	}
	next, err := tokenfile.NewCSV(t.file)
	if err != nil {
		return true, fmt.Errorf("--token-auth-file: %w: each line is token,user,uid and optionally \"group1,group2\"", err)
	}
	t.current.Store(next)
	return true, nil
}

// AuthenticateToken says whose token value is, by the newest content.
func (t *tokens) AuthenticateToken(ctx context.Context, value string) (*authenticator.Response, bool, error) {
	return t.current.Load().AuthenticateToken(ctx, value)
}

// watch returns what follow needs, or why the file cannot be followed. Its folder
// is watched: editors and mounts replace the file.
func (t *tokens) watch() (*fsnotify.Watcher, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("token-auth-file: following changes: %w", err)
	}
	if err := watcher.Add(filepath.Dir(t.file)); err != nil {
		return nil, errors.Join(fmt.Errorf("token-auth-file: following changes: %w", err), watcher.Close())
	}
	return watcher, nil
}

// follow reads the file again when it changes, until ctx ends; told hears of each
// change, with what is wrong with it. Events of the folder that leave the file as
// it was, such as those of a log beside it, are nothing to tell.
func (t *tokens) follow(ctx context.Context, watcher *fsnotify.Watcher, told func(error)) {
	defer func() { _ = watcher.Close() }()
	// What changed since the file was read first is found by the first firing.
	settle := time.NewTimer(tokenSettle)
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case err, open := <-watcher.Errors:
			if !open {
				return
			}
			told(err)
			settle.Reset(tokenSettle)
		case _, open := <-watcher.Events:
			if !open {
				return
			}
			settle.Reset(tokenSettle)
		case <-settle.C:
			if changed, err := t.reload(); changed {
				told(err)
			}
		}
	}
}
