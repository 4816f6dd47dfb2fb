// Package garbagecollector deletes what is owned by what was deleted.
//
// In come the objects of every watched resource, as metadata; out go deletions and patches through a
// client. It follows metadata.ownerReferences as the garbage collector of a cluster does
// (k8s.io/kubernetes pkg/controller/garbagecollector): the dependents of a deleted object are deleted in
// the background, one that waits for its dependents ("foregroundDeletion") goes after them, and one that
// leaves them behind ("orphan") goes once they no longer name it.
//
// Only objects that have owners, and those that wait for their dependents, are remembered; decisions are
// pure functions over them. Nothing happens while nothing changes.
package garbagecollector
