// Package memory is an in-memory [storage.Interface] for stock generic registry stores: it takes
// etcd's place, and the watch cache's place above etcd, inside one process.
//
// In come the calls of k8s.io/apiserver/pkg/registry/generic/registry.Store, on keys below a
// resource prefix, with objects that the resource's codec can encode. Out go objects, lists and
// watch events as the etcd3 storage and the watch cache of k8s.io/apiserver v0.37 give them, down to
// resource versions, continue tokens, error types and bookmarks; the shared conformance suite of
// k8s.io/apiserver/pkg/storage/testing runs against it.
//
// How it keeps things:
//
//   - One [Backend] is one database with one revision counter for all resources, as one etcd has.
//   - The truth is the encoded bytes that the resource's codec made. Storing what a round trip
//     through the codec leaves, and not the caller's object, gives what etcd gives: times cut to
//     seconds, defaults applied, quantities canonical, writes without an effect recognised by equal
//     bytes, and several codecs (the versions of one CustomResourceDefinition) on the same data.
//   - Beside the bytes each value caches its decoded form, which nobody changes after it was
//     published. Reads copy that form and do not decode; predicates look at it without a copy.
//   - Keys are in a persistent (path-copying) balanced tree a resource prefix. A root is a
//     snapshot, so a list walks without a lock, and pages of one list agree with the first.
//   - Each prefix has a history of its last events, with the root after each. Watches read from that
//     history at their own pace and have no queue a writer could fill: a writer appends and wakes. A
//     watch that falls out of the history ends with a 410 error event.
//
// No lock is held while a codec, a caller's function (tryUpdate, validateDeletion, a predicate) or a
// channel send runs.
//
// It never writes to disk, never encrypts (a storage transformer has no meaning here and is
// ignored), never runs a garbage collector for owner references, and is never shared between
// processes.
package memory
