package misbehaving

import (
	"maps"
	"slices"
	"strconv"
	"sync"
)

// ship is an object, without its resourceVersion and its kind.
type ship struct {
	namespace, name string
	spec            map[string]any
	version         int
}

// change is what happened to a ship.
type change struct {
	kind string // ADDED or DELETED
	ship ship
}

// firstVersion is the oldest that is remembered: what was before has been forgotten.
const firstVersion = 100

// fleet is the ships. It is safe for concurrent use.
type fleet struct {
	mu      sync.Mutex
	ships   map[string]ship
	version int
	changes []change
	changed chan struct{} // closed with each change
}

func newFleet() *fleet {
	f := &fleet{ships: map[string]ship{}, version: firstVersion, changed: make(chan struct{})}
	for _, name := range []string{"endurance", "fram", "vasa"} {
		f.add("default", name, map[string]any{"masts": 3})
	}
	return f
}

func (f *fleet) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.ships))
}

// list returns the ships by name, and the version that they have together.
func (f *fleet) list() ([]ship, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]ship, 0, len(f.ships))
	for _, name := range slices.Sorted(maps.Keys(f.ships)) {
		out = append(out, f.ships[name])
	}
	return out, f.version
}

// since returns what happened after a version, and what is closed when more happens.
func (f *fleet) since(version int) ([]change, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.changes, func(c change) bool { return c.ship.version > version })
	if i < 0 {
		return nil, f.changed
	}
	return slices.Clone(f.changes[i:]), f.changed
}

// add tells whether the name was free.
func (f *fleet) add(namespace, name string, spec map[string]any) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, taken := f.ships[name]; taken {
		return false
	}
	f.happen(change{"ADDED", ship{namespace: namespace, name: name, spec: spec}})
	return true
}

func (f *fleet) remove(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, found := f.ships[name]
	if found {
		f.happen(change{"DELETED", s})
	}
	return found
}

// happen applies a change. The caller holds the lock.
func (f *fleet) happen(c change) {
	f.version++
	c.ship.version = f.version
	if c.kind == "ADDED" {
		f.ships[c.ship.name] = c.ship
	} else {
		delete(f.ships, c.ship.name)
	}
	f.changes = append(f.changes, c)
	close(f.changed)
	f.changed = make(chan struct{})
}

// object is the ship as clients see it.
func (s ship) object(f faults) map[string]any {
	metadata := map[string]any{
		"name": s.name, "namespace": s.namespace, "uid": "uid-of-" + s.name,
		"creationTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": f.versionText(s.version),
	}
	if f[ItemsWithoutResourceVersion] || f[LikeMetrics] {
		delete(metadata, "resourceVersion")
	}
	return map[string]any{"apiVersion": Group + "/" + Version, "kind": "Ship", "metadata": metadata, "spec": s.spec}
}

func (f faults) versionText(version int) string {
	if f[ResourceVersionsOpaque] {
		return "v-" + strconv.Itoa(version)
	}
	return strconv.Itoa(version)
}
