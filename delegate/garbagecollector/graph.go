package garbagecollector

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// identity is where an object is, and which of those that were there.
type identity struct {
	resource  schema.GroupVersionResource
	namespace string
	name      string
	uid       types.UID
}

// node is an object that owns something, is owned, or waits for its dependents.
type node struct {
	identity
	owners []metav1.OwnerReference
	// deleting, with one of the two finalizers or with others.
	deleting, foreground, orphan bool
}

// graph is what is known of who owns whom. It is not safe for concurrent use.
type graph struct {
	nodes      map[types.UID]*node
	dependents map[types.UID]map[types.UID]bool // by the owner's UID
	// owned are the kinds by which dependents name their owners.
	owned map[types.UID]schema.GroupVersionKind
}

func newGraph() *graph {
	return &graph{nodes: map[types.UID]*node{}, dependents: map[types.UID]map[types.UID]bool{}, owned: map[types.UID]schema.GroupVersionKind{}}
}

// nodeOf reads an object's metadata.
func nodeOf(resource schema.GroupVersionResource, m metav1.Object) *node {
	n := &node{
		identity: identity{resource: resource, namespace: m.GetNamespace(), name: m.GetName(), uid: m.GetUID()},
		owners:   m.GetOwnerReferences(),
		deleting: m.GetDeletionTimestamp() != nil,
	}
	if n.deleting {
		n.foreground = slices.Contains(m.GetFinalizers(), metav1.FinalizerDeleteDependents)
		n.orphan = slices.Contains(m.GetFinalizers(), metav1.FinalizerOrphanDependents)
	}
	return n
}

// matters tells whether the collector has anything to do with an object.
func (n *node) matters() bool { return len(n.owners) > 0 || n.foreground || n.orphan }

// observe lays an object over what was known of it, and returns whom to look at because of it.
func (g *graph) observe(n *node) []types.UID {
	before := g.nodes[n.uid]
	g.unlink(before)
	if !n.matters() {
		delete(g.nodes, n.uid)
		return g.waiting(before)
	}
	g.nodes[n.uid] = n
	for _, o := range n.owners {
		if g.dependents[o.UID] == nil {
			g.dependents[o.UID] = map[types.UID]bool{}
		}
		g.dependents[o.UID][n.uid] = true
		g.owned[o.UID] = schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
	}
	out := append([]types.UID{n.uid}, g.waiting(before)...)
	if n.foreground && (before == nil || !before.foreground) {
		out = append(out, g.dependentsOf(n.uid)...)
	}
	return out
}

// forget removes a deleted object, and returns whom to look at because of it.
func (g *graph) forget(uid types.UID) []types.UID {
	before := g.nodes[uid]
	g.unlink(before)
	delete(g.nodes, uid)
	return append(g.dependentsOf(uid), g.waiting(before)...)
}

func (g *graph) unlink(n *node) {
	if n == nil {
		return
	}
	for _, o := range n.owners {
		delete(g.dependents[o.UID], n.uid)
		if len(g.dependents[o.UID]) == 0 {
			delete(g.dependents, o.UID)
			delete(g.owned, o.UID)
		}
	}
}

// waiting are the owners of an object that wait for it to go.
func (g *graph) waiting(n *node) []types.UID {
	if n == nil {
		return nil
	}
	var out []types.UID
	for _, o := range n.owners {
		if owner := g.nodes[o.UID]; owner != nil && (owner.foreground || owner.orphan) {
			out = append(out, o.UID)
		}
	}
	return out
}

func (g *graph) dependentsOf(uid types.UID) []types.UID {
	out := make([]types.UID, 0, len(g.dependents[uid]))
	for d := range g.dependents[uid] {
		out = append(out, d)
	}
	slices.Sort(out)
	return out
}

// replace is observe for all objects of a resource at once: what is not among them was deleted.
func (g *graph) replace(resource schema.GroupVersionResource, kind schema.GroupVersionKind, nodes []*node, all map[types.UID]bool) []types.UID {
	var out []types.UID
	for uid, n := range g.nodes {
		if n.resource == resource && !all[uid] {
			out = append(out, g.forget(uid)...)
		}
	}
	for owner, of := range g.owned {
		if of.GroupKind() == kind.GroupKind() && !all[owner] {
			out = append(out, g.dependentsOf(owner)...)
		}
	}
	for _, n := range nodes {
		out = append(out, g.observe(n)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// view is a node and its dependents, apart from the graph.
type view struct {
	node
	dependents []node
}

func (g *graph) view(uid types.UID) (view, bool) {
	n := g.nodes[uid]
	if n == nil {
		return view{}, false
	}
	v := view{node: *n}
	for d := range g.dependents[uid] {
		v.dependents = append(v.dependents, *g.nodes[d])
	}
	slices.SortFunc(v.dependents, func(a, b node) int { return cmp.Compare(a.uid, b.uid) })
	return v, true
}
