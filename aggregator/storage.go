package aggregator

import (
	"context"
	"net/http"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/server/healthz"

	"github.com/kagg-project/kagg/delegate/etcd"
	"github.com/kagg-project/kagg/delegate/memory"
)

// storage keeps the objects of the local APIs.
type storage interface {
	RESTOptionsGetter(codec func(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner, error)) generic.RESTOptionsGetter
	Close()
}

// openStorage opens what the configuration names, and waits for an etcd.
func (a *Aggregator) openStorage(ctx context.Context) error {
	c := &a.config.Storage
	if err := c.Validate(); err != nil {
		return &InputError{err}
	}
	switch {
	case c.Persist:
		kept, err := memory.Open(filepath.Join(a.state.Dir, "objects"), c.memoryOptions(), func(message string) {
			a.config.OnEvent(Event{Subject: "persist", Message: message, Warning: true})
		})
		if err != nil {
			return err
		}
		a.storage = kept
		return nil
	case !c.shared():
		a.storage = memory.NewBackend(c.memoryOptions())
		return nil
	}
	s, err := etcd.New(c.etcdOptions())
	if err != nil {
		return &InputError{err}
	}
	if err := s.Wait(ctx, func(message string) { a.config.OnEvent(Event{Subject: "etcd", Message: message, Warning: true}) }); err != nil {
		return err
	}
	a.storage = s
	check, err := s.Check()
	if err != nil {
		return err
	}
	a.storageChecks = []healthz.HealthChecker{healthz.NamedCheck("etcd", func(*http.Request) error { return check() })}
	a.running.Go(func() { a.followHealth(ctx, check) })
	return nil
}

// healthPause is the time between two looks at the etcd's health.
const healthPause = 2 * time.Second

// followHealth tells when the etcd is lost and when it is back, until ctx ends.
func (a *Aggregator) followHealth(ctx context.Context, check func() error) {
	tick := time.NewTicker(healthPause)
	defer tick.Stop()
	reached, lost := false, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := check()
		switch {
		case err == nil && lost:
			a.config.OnEvent(Event{Subject: "etcd", Message: "answers again"})
		case err != nil && reached && !lost && ctx.Err() == nil:
			a.config.OnEvent(Event{Subject: "etcd", Message: "does not answer: requests fail until it is back: " + err.Error(), Warning: true})
		}
		reached, lost = reached || err == nil, err != nil && reached
	}
}
