package garbagecollector

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// Source is a resource's objects, in all namespaces.
type Source interface {
	// List returns the metadata of all objects, and the resource version to watch from.
	List(ctx context.Context) (objects []metav1.Object, resourceVersion string, err error)
	// Watch tells of the changes since a resource version; the events' objects have metadata.
	Watch(ctx context.Context, resourceVersion string) (watch.Interface, error)
}

// Resource is one resource that may own or be owned.
type Resource struct {
	// GroupVersionResource is where it is read and written.
	schema.GroupVersionResource
	// Kind is what an ownerReference names it by; the version does not matter.
	Kind schema.GroupVersionKind
	// Namespaced tells whether its objects live in namespaces.
	Namespaced bool
	// Source gives its objects. Nil: it is looked at, but not watched, so that its dependents are looked at
	// when they change, and not when it goes.
	Source Source
}

// Collector deletes the dependents of deleted objects. Its methods are safe for concurrent use.
type Collector struct {
	client metadata.Interface
	queue  workqueue.TypedRateLimitingInterface[types.UID]

	mu        sync.Mutex
	graph     *graph
	resources map[schema.GroupKind]Resource
	monitors  map[schema.GroupVersionResource]context.CancelFunc
	running   sync.WaitGroup
	stopped   bool // nothing is followed any more
}

// The pauses between two tries to do what failed.
const (
	shortestPause = 10 * time.Millisecond
	longestPause  = 10 * time.Second
)

// goodWatch is how long a watch lasts that counts as one that works.
const goodWatch = time.Second

// settle is how long an object that waits for its dependents is left alone, so that dependents that were
// made just before are seen: each resource is watched on its own.
const settle = 50 * time.Millisecond

// New makes a collector that writes through a client.
func New(client metadata.Interface) *Collector {
	return &Collector{
		client: client, graph: newGraph(),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](shortestPause, longestPause)),
		resources: map[schema.GroupKind]Resource{}, monitors: map[schema.GroupVersionResource]context.CancelFunc{},
	}
}

// Follow makes the collector follow exactly the given resources from now on, until ctx ends. What was
// followed before goes on undisturbed. After Run has ended it does nothing.
func (c *Collector) Follow(ctx context.Context, resources []Resource) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	followed := map[schema.GroupVersionResource]bool{}
	kinds := make(map[schema.GroupKind]Resource, len(resources))
	for _, r := range resources {
		kinds[r.Kind.GroupKind()] = r
		if r.Source == nil {
			continue
		}
		followed[r.GroupVersionResource] = true
		if c.monitors[r.GroupVersionResource] != nil {
			continue
		}
		monitored, cancel := context.WithCancel(ctx)
		c.monitors[r.GroupVersionResource] = cancel
		c.running.Go(func() { c.monitor(monitored, r) })
	}
	for gvr, cancel := range c.monitors {
		if !followed[gvr] {
			cancel()
			delete(c.monitors, gvr)
		}
	}
	c.resources = kinds
	for uid := range c.graph.nodes { // an owner's kind may have come to be known
		c.queue.Add(uid)
	}
}

// Run works until ctx, which must be that of Follow, ends, and returns when nothing runs any more.
func (c *Collector) Run(ctx context.Context) {
	stop := context.AfterFunc(ctx, c.queue.ShutDown)
	defer stop()
	for {
		uid, done := c.queue.Get()
		if done {
			break
		}
		if err := c.process(ctx, uid); err != nil {
			klog.FromContext(ctx).V(2).Info("An object's dependents or owners could not be followed", "uid", uid, "reason", err.Error())
			c.queue.AddRateLimited(uid)
		} else {
			c.queue.Forget(uid)
		}
		c.queue.Done(uid)
	}
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	c.running.Wait()
}

// monitor keeps the graph in step with one resource until ctx ends.
func (c *Collector) monitor(ctx context.Context, r Resource) {
	pause := shortestPause
	for ctx.Err() == nil {
		began := time.Now()
		err := c.follow(ctx, r)
		if ctx.Err() != nil {
			return
		}
		klog.FromContext(ctx).V(2).Info("A resource is listed again", "resource", r.GroupVersionResource.String(), "reason", err)
		if pause *= 2; time.Since(began) > goodWatch {
			pause = shortestPause // it worked: what ended it is not what ended the one before
		}
		pause = min(pause, longestPause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// follow lists and then watches, until the watch ends.
func (c *Collector) follow(ctx context.Context, r Resource) error {
	objects, version, err := r.Source.List(ctx)
	if err != nil {
		return err
	}
	all := make(map[types.UID]bool, len(objects))
	var nodes []*node
	for _, m := range objects {
		all[m.GetUID()] = true
		if n := nodeOf(r.GroupVersionResource, m); n.matters() {
			nodes = append(nodes, n)
		}
	}
	c.change(func(g *graph) []types.UID { return g.replace(r.GroupVersionResource, r.Kind, nodes, all) })
	w, err := r.Source.Watch(ctx, version)
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, open := <-w.ResultChan():
			if !open {
				return nil
			}
			if err := c.heed(r, e); err != nil {
				return err
			}
		}
	}
}

// heed lays one event over the graph. An error means that the resource has to be listed again.
func (c *Collector) heed(r Resource, e watch.Event) error {
	switch e.Type {
	case watch.Bookmark:
		return nil
	case watch.Error:
		return apierrors.FromObject(e.Object)
	case watch.Added, watch.Modified, watch.Deleted:
	}
	// Watchers may be given one shared object in a wrapper, which is no metav1.Object itself.
	m, err := meta.Accessor(e.Object)
	if err != nil {
		return fmt.Errorf("watching %s: %w", r.GroupVersionResource, err)
	}
	if e.Type == watch.Deleted {
		c.change(func(g *graph) []types.UID { return g.forget(m.GetUID()) })
		return nil
	}
	c.observe(nodeOf(r.GroupVersionResource, m))
	return nil
}

// observe is change for one object; most have neither owners nor dependents and cost next to nothing.
func (c *Collector) observe(n *node) {
	c.change(func(g *graph) []types.UID {
		if !n.matters() && g.nodes[n.uid] == nil {
			return nil
		}
		return g.observe(n)
	})
}

func (c *Collector) change(f func(*graph) []types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, uid := range f(c.graph) {
		if n := c.graph.nodes[uid]; n != nil && (n.orphan || n.foreground) {
			c.queue.AddAfter(uid, settle)
		} else {
			c.queue.Add(uid)
		}
	}
}

func (c *Collector) view(uid types.UID) (view, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.graph.view(uid)
}

func (c *Collector) resourceOf(o metav1.OwnerReference) (Resource, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.resources[schema.FromAPIVersionAndKind(o.APIVersion, o.Kind).GroupKind()]
	return r, ok
}
