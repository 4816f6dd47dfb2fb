package aggregator

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// reportBuffer is how many reports may wait for the control loop before a
// backend's goroutine has to.
const reportBuffer = 1024

// controlLoop is the one goroutine that owns the changing state: it folds the
// registry and what the backends' goroutines report into snapshots.
type controlLoop struct {
	pace      pace
	snapshots *snapshots
	// local returns the newest state of the local chain; localChanged tells when.
	local        func() *localAPIs
	localChanged <-chan struct{}
	// registry returns the newest Registry; registryChanged tells when.
	registry        func() *Registry
	registryChanged <-chan struct{}
	// trust changes when the certificate that backends are shown does.
	trust        func() trust
	trustChanged <-chan struct{}
	// onPublish is told of each published snapshot and the one before it, nil
	// for the first.
	onPublish func(previous, next *Snapshot)

	reports  chan report
	current  *Registry
	specs    map[backendKey]backendSpec
	backends map[backendKey]*trackedBackend
}

// trust is what kagg shows to backends and verifies them by.
type trust struct {
	clientCert, clientKey []byte
	// roots are the CAs that are trusted, beside the system's, for
	// APIServices without a caBundle.
	roots []byte
}

func (t trust) equal(o trust) bool {
	return slices.Equal(t.clientCert, o.clientCert) && slices.Equal(t.clientKey, o.clientKey) && slices.Equal(t.roots, o.roots)
}

// trackedBackend is a backend with what the loop knows of it.
type trackedBackend struct {
	*backend
	trust trust
	seen  *observation
}

// run owns the state until ctx ends.
func (l *controlLoop) run(ctx context.Context) {
	l.reports = make(chan report, reportBuffer)
	l.backends = map[backendKey]*trackedBackend{}
	defer func() {
		for _, b := range l.backends {
			b.close()
		}
	}()
	l.followRegistry(ctx)
	l.publish()
	for {
		changed := false
		select {
		case <-ctx.Done():
			return
		case <-l.registryChanged:
			l.followRegistry(ctx)
			changed = true
		case <-l.localChanged:
			changed = true
		case <-l.trustChanged:
			l.followRegistry(ctx)
			changed = true
		case r := <-l.reports:
			changed = l.apply(r)
		}
		if l.drain() || changed {
			begun := time.Now()
			l.publish()
			if !l.rest(ctx, time.Since(begun)) {
				return
			}
		}
	}
}

const (
	// restFactor is how many times as long as a snapshot took the next one waits. Reports come by the hundred when many
	// backends start, and to build a snapshot takes the longer the more there are.
	restFactor = 9
	// briefPublish is what is too short to rest after.
	briefPublish, longestRest = time.Millisecond / 2, 100 * time.Millisecond
)

// rest lets reports gather after a snapshot that took some time. It is false when ctx has ended.
func (*controlLoop) rest(ctx context.Context, took time.Duration) bool {
	return took < briefPublish || pause(ctx, min(restFactor*took, longestRest))
}

// drain applies the reports that already wait, so that a burst gives one
// snapshot.
func (l *controlLoop) drain() bool {
	changed := false
	for {
		select {
		case r := <-l.reports:
			changed = l.apply(r) || changed
		default:
			return changed
		}
	}
}

// apply lays a report over what is known, and tells whether that changed.
// Reports of a backend that was replaced come too late and are dropped.
func (l *controlLoop) apply(r report) bool {
	b := l.backends[r.from.spec.key]
	if b == nil || b.backend != r.from {
		return false
	}
	var changed bool
	switch {
	case r.discovery != nil:
		b.seen, changed = b.seen.withDiscovery(*r.discovery)
	case r.openAPI != nil:
		b.seen, changed = b.seen.withOpenAPI(*r.openAPI)
	default:
		b.seen, changed = b.seen.withProbes(r.probes, *b.groupVersions.Load())
	}
	return changed
}

// followRegistry starts, changes and ends backends so that they are those that
// the registry names.
func (l *controlLoop) followRegistry(ctx context.Context) {
	l.current = l.registry()
	l.specs = l.current.backends()
	if l.pace.crowd != nil {
		l.pace.crowd.all.Store(int64(len(l.specs)))
	}
	now := l.trust()
	served := l.servedBy()
	for key, b := range l.backends {
		if _, ok := l.specs[key]; !ok {
			b.close()
			delete(l.backends, key)
		}
	}
	for key, spec := range l.specs {
		b, known := l.backends[key]
		switch {
		case !known:
			l.backends[key] = l.start(ctx, spec, now, predecessor(served, spec))
		case b.spec.address() != spec.address() || errorText(b.spec.resolveErr) != errorText(spec.resolveErr) || !b.trust.equal(now):
			b.close()
			l.backends[key] = l.start(ctx, spec, now, b)
		case !slices.Equal(*b.groupVersions.Load(), spec.groupVersions):
			b.seen = b.seen.forget(spec.groupVersions)
			b.setGroupVersions(spec.groupVersions)
		}
	}
}

// servedBy tells which backend serves each group-version now.
func (l *controlLoop) servedBy() map[schema.GroupVersion]*trackedBackend {
	served := map[schema.GroupVersion]*trackedBackend{}
	for _, b := range l.backends {
		for _, gv := range *b.groupVersions.Load() {
			served[gv] = b
		}
	}
	return served
}

// predecessor returns the backend that served the spec's group-versions before
// its caBundle, port or annotation changed; nil when they are new, or came from
// several.
func predecessor(served map[schema.GroupVersion]*trackedBackend, spec backendSpec) *trackedBackend {
	var one *trackedBackend
	for _, gv := range spec.groupVersions {
		b := served[gv]
		if b == nil || (one != nil && one != b) {
			return nil
		}
		one = b
	}
	return one
}

// start makes a backend; before is the one whose place it takes, nil for none.
func (l *controlLoop) start(ctx context.Context, spec backendSpec, now trust, before *trackedBackend) *trackedBackend {
	b := newBackend(spec, l.pace, func(r report) {
		select {
		case l.reports <- r:
		case <-ctx.Done():
		}
	})
	b.start(ctx, now)
	seen := &observation{lastProbe: b.lastProbe}
	if before != nil {
		seen = before.seen.succeed(b.lastProbe).forget(spec.groupVersions)
		if before.spec.resolveErr != nil {
			seen.probes = nil // nothing was probed: there was no address
		}
	}
	return &trackedBackend{backend: b, trust: now, seen: seen}
}

// publish builds a snapshot and publishes it when it differs from the newest.
func (l *controlLoop) publish() {
	previous := l.snapshots.load()
	in := buildInput{registry: l.current, backends: make(map[backendKey]backendView, len(l.backends)), local: l.local(), previous: previous}
	for key, b := range l.backends {
		// The registry's spec, not the one that the backend began with: the same
		// address may have come to be found by another rule.
		in.backends[key] = backendView{spec: l.specs[key], transport: b.transport, transportErr: b.transportErr, seen: b.seen, wake: b.wake}
	}
	next := build(in)
	next.Generation = 1
	if previous != nil {
		if next.equal(previous) {
			return
		}
		next.Generation = previous.Generation + 1
	}
	l.snapshots.publish(next)
	l.onPublish(previous, next)
}

// wake makes the backend of an APIService be probed at once. It never blocks,
// and is safe for concurrent use: it goes through the snapshot's own handle.
func (s *Snapshot) wake(apiService string) {
	if r := s.routeOf(apiService); r != nil && r.wake != nil {
		r.wake()
	}
}
