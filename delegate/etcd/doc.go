// Package etcd keeps the objects of generic registry stores in an etcd, by the stock etcd3 storage and
// watch cache of k8s.io/apiserver.
//
// In go the addresses and certificates of the etcd; out come the REST options of each resource, a check
// of the etcd's health, and a bounded wait for it at the start. Several processes can share one etcd. The
// package stores nothing itself and knows no kind.
package etcd
