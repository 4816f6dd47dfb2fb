package garbagecollector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
)

// process does what has to be done about one object. An error means: again, later.
func (c *Collector) process(ctx context.Context, uid types.UID) error {
	v, known := c.view(uid)
	switch {
	case !known:
		return nil
	case v.orphan:
		return c.orphan(ctx, v)
	case v.foreground:
		return c.empty(ctx, v)
	default:
		return c.attempt(ctx, v)
	}
}

// orphan takes an object out of its dependents' ownerReferences, and lets it go.
func (c *Collector) orphan(ctx context.Context, v view) error {
	errs := make([]error, 0, len(v.dependents))
	for i := range v.dependents {
		errs = append(errs, c.disown(ctx, v.dependents[i].identity, []types.UID{v.uid}))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.release(ctx, v.identity, metav1.FinalizerOrphanDependents)
}

// empty deletes the dependents of an object that goes after them, and lets it go once none blocks it.
func (c *Collector) empty(ctx context.Context, v view) error {
	if !blocked(v) {
		if err := c.release(ctx, v.identity, metav1.FinalizerDeleteDependents); err != nil {
			return err
		}
	}
	for i := range v.dependents {
		if !v.dependents[i].deleting {
			c.queue.Add(v.dependents[i].uid)
		}
	}
	return nil
}

// attempt deletes an object if none of its owners is left.
func (c *Collector) attempt(ctx context.Context, v view) error {
	if v.deleting || len(v.owners) == 0 {
		return nil
	}
	states := make([]ownerState, len(v.owners))
	for i, o := range v.owners {
		var err error
		if states[i], err = c.lookAt(ctx, v.identity, o); err != nil {
			return fmt.Errorf("owner %s %s of %s: %w", o.Kind, o.Name, v.identity, err)
		}
	}
	a := decide(v, states)
	if len(a.disown) > 0 {
		return c.disown(ctx, v.identity, a.disown)
	}
	if a.remove == "" {
		return nil
	}
	if a.unblock {
		if err := c.unblock(ctx, v.identity); err != nil {
			return err
		}
	}
	// The object may have changed since it was seen; its owners decide, not what is remembered.
	live, err := c.get(ctx, v.identity)
	if live == nil || err != nil {
		return err
	}
	if !sameOwners(live.OwnerReferences, v.owners) {
		return fmt.Errorf("%s has got other owners", v.identity)
	}
	err = c.at(v.identity).Delete(ctx, v.name, metav1.DeleteOptions{
		PropagationPolicy: &a.remove,
		Preconditions:     &metav1.Preconditions{UID: &v.uid, ResourceVersion: &live.ResourceVersion},
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func sameOwners(a, b []metav1.OwnerReference) bool {
	return slices.EqualFunc(a, b, func(x, y metav1.OwnerReference) bool { return x.UID == y.UID })
}

// lookAt finds out what an owner is. One of a kind that nobody serves, and one in a namespace while the
// dependent is in none, cannot be looked at.
func (c *Collector) lookAt(ctx context.Context, of identity, o metav1.OwnerReference) (ownerState, error) {
	r, known := c.resourceOf(o)
	if !known || r.Namespaced && of.namespace == "" {
		return solid, nil
	}
	at := identity{resource: r.GroupVersionResource, name: o.Name, uid: o.UID}
	if r.Namespaced {
		at.namespace = of.namespace
	}
	live, err := c.get(ctx, at)
	switch {
	case err != nil:
		return solid, err
	case live == nil:
		return absent, nil
	case live.DeletionTimestamp != nil && slices.Contains(live.Finalizers, metav1.FinalizerDeleteDependents):
		return emptying, nil
	default:
		return solid, nil
	}
}

// get returns the object as it is now; nil if it, the very one, is gone.
func (c *Collector) get(ctx context.Context, at identity) (*metav1.PartialObjectMetadata, error) {
	live, err := c.at(at).Get(ctx, at.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // nothing is an answer
	case err != nil:
		return nil, err
	case live.UID != at.uid:
		return nil, nil //nolint:nilnil // as above
	}
	return live, nil
}

func (c *Collector) at(o identity) metadata.ResourceInterface {
	if o.namespace == "" {
		return c.client.Resource(o.resource)
	}
	return c.client.Resource(o.resource).Namespace(o.namespace)
}

// disown takes owners out of an object's ownerReferences.
func (c *Collector) disown(ctx context.Context, at identity, owners []types.UID) error {
	return c.patch(ctx, at, func(m *metav1.PartialObjectMetadata) map[string]any {
		left := slices.DeleteFunc(slices.Clone(m.OwnerReferences), func(o metav1.OwnerReference) bool { return slices.Contains(owners, o.UID) })
		if len(left) == len(m.OwnerReferences) {
			return nil
		}
		return map[string]any{"ownerReferences": left}
	})
}

// unblock makes an object keep none of its owners.
func (c *Collector) unblock(ctx context.Context, at identity) error {
	return c.patch(ctx, at, func(m *metav1.PartialObjectMetadata) map[string]any {
		owners := slices.Clone(m.OwnerReferences)
		blocks := false
		for i := range owners {
			if b := owners[i].BlockOwnerDeletion; b != nil && *b {
				owners[i].BlockOwnerDeletion, blocks = new(false), true
			}
		}
		if !blocks {
			return nil
		}
		return map[string]any{"ownerReferences": owners}
	})
}

// release takes a finalizer away.
func (c *Collector) release(ctx context.Context, at identity, finalizer string) error {
	return c.patch(ctx, at, func(m *metav1.PartialObjectMetadata) map[string]any {
		left := slices.DeleteFunc(slices.Clone(m.Finalizers), func(f string) bool { return f == finalizer })
		if len(left) == len(m.Finalizers) {
			return nil
		}
		return map[string]any{"finalizers": left}
	})
}

// patch changes metadata of the object as it is now; nil from change leaves it.
func (c *Collector) patch(ctx context.Context, at identity, change func(*metav1.PartialObjectMetadata) map[string]any) error {
	live, err := c.get(ctx, at)
	if live == nil || err != nil {
		return err
	}
	fields := change(live)
	if fields == nil {
		return nil
	}
	fields["resourceVersion"], fields["uid"] = live.ResourceVersion, live.UID
	data, err := json.Marshal(map[string]any{"metadata": fields})
	if err != nil {
		return fmt.Errorf("patching %s: %w", at, err)
	}
	_, err = c.at(at).Patch(ctx, at.name, types.MergePatchType, data, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// String names the object.
func (o identity) String() string {
	if o.namespace == "" {
		return o.resource.GroupResource().String() + " " + o.name
	}
	return o.resource.GroupResource().String() + " " + o.namespace + "/" + o.name
}
