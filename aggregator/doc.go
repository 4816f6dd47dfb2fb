// Package aggregator is the running system: it ties the local APIs, the
// registry, the backends, the merges and the handlers together, and is the only
// package that holds changing state.
//
// What comes in: a Config. What goes out: an http.Handler behind TLS that
// answers as the kube-aggregator in a kube-apiserver does, and Events that say
// what changed.
//
// The data runs one way. Objects come from files and clients into the local
// APIs' storage; watches on it give an immutable Registry; each backend that
// the Registry names has its own goroutines that probe and fetch, and send what
// they see; one goroutine, the control loop, folds these into an immutable
// Snapshot; handlers read the newest Snapshot once per request and take no lock.
package aggregator
