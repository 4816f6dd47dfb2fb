package aggregator

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/fsnotify/fsnotify"

	"github.com/kagg-project/kagg/internal/manifest"
)

// followFiles keeps the objects in step with their files until ctx ends. What is
// wrong with a file is told once; its last good state stays.
func (a *Aggregator) followFiles(ctx context.Context) {
	watchable := a.manifestOptions()
	if len(watchable.Filenames) == 0 {
		return
	}
	err := manifest.Watch(ctx, watchable, func(u manifest.Update) {
		for _, e := range u.Errors {
			a.config.OnEvent(Event{Subject: "files", Message: e.Error(), Warning: true})
		}
		if err := a.files.sync(ctx, u.Objects); err != nil && ctx.Err() == nil {
			a.config.OnEvent(Event{Subject: "files", Message: err.Error(), Warning: true})
		}
	})
	if err != nil && ctx.Err() == nil {
		a.config.OnEvent(Event{Subject: "files", Message: fmt.Sprintf("changes are not followed any more: %v", err), Warning: true})
	}
}

// followTokens reads the token file again when it changes, until ctx ends. Its
// folder is watched: editors and mounts replace the file.
func (a *Aggregator) followTokens(ctx context.Context) error {
	if a.config.TokenAuthFile == "" {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("following the token file: %w", err)
	}
	if err := watcher.Add(filepath.Dir(a.config.TokenAuthFile)); err != nil {
		return fmt.Errorf("following the token file: %w", err)
	}
	a.running.Go(func() {
		defer func() { _ = watcher.Close() }()
		for {
			select {
			case <-ctx.Done():
				return
			case err := <-watcher.Errors:
				a.config.OnEvent(Event{Subject: "token-auth-file", Message: err.Error(), Warning: true})
			case <-watcher.Events:
				if err := a.auth.token.reload(); err != nil {
					a.config.OnEvent(Event{Subject: "token-auth-file", Message: err.Error() + " (the last good content stays)", Warning: true})
				}
			}
		}
	})
	return nil
}
