package garbagecollector

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// ownerState is what a look at an owner gave.
type ownerState int

const (
	// solid owners exist, or cannot be looked at: what they own stays.
	solid ownerState = iota
	// absent owners are gone, or another object has their name.
	absent
	// emptying owners are being deleted after their dependents.
	emptying
)

// action is what to do with an object.
type action struct {
	// remove deletes it with the policy; "" leaves it.
	remove metav1.DeletionPropagation
	// unblock lets its owners go before it first: one of its dependents goes after its own dependents too, and
	// may be among these owners.
	unblock bool
	// disown are the owners to take out of its ownerReferences.
	disown []types.UID
}

// decide is about an object that has owners, from what they are; states are in the order of its owners.
// Upstream: pkg/controller/garbagecollector/garbagecollector.go, attemptToDeleteItem.
func decide(v view, states []ownerState) action {
	if v.deleting || len(v.owners) == 0 {
		return action{} // it goes already
	}
	var a action
	if slices.Contains(states, solid) {
		for i, s := range states {
			if s != solid {
				a.disown = append(a.disown, v.owners[i].UID)
			}
		}
		return a
	}
	if slices.Contains(states, emptying) && len(v.dependents) > 0 {
		return action{
			remove:  metav1.DeletePropagationForeground,
			unblock: slices.ContainsFunc(v.dependents, func(d node) bool { return d.deleting && d.foreground }),
		}
	}
	return action{remove: metav1.DeletePropagationBackground}
}

// blocked tells whether an object that is deleted after its dependents has to wait for one of them.
func blocked(v view) bool {
	return slices.ContainsFunc(v.dependents, func(d node) bool {
		return slices.ContainsFunc(d.owners, func(o metav1.OwnerReference) bool {
			return o.UID == v.uid && o.BlockOwnerDeletion != nil && *o.BlockOwnerDeletion
		})
	})
}
