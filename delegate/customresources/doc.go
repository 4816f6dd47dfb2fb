// Package customresources serves what CustomResourceDefinitions define: the second delegate of a
// kube-apiserver, behind the local APIs that hold the definitions.
//
// In comes a client of the API that has the definitions, the storage, and what writes are admitted and
// authorized by; out come an [http.Handler] for the custom objects, and a [Catalog], an immutable value
// that says what the definitions make of discovery and OpenAPI at one moment and that is replaced when
// they change.
//
// The objects are served, and the definitions' conditions kept, by k8s.io/apiextensions-apiserver's own
// handler and controllers. Its documents are made here instead: from a Catalog, and when they are first
// asked for, because building them for each change costs more than all the rest.
//
// The package never reads or writes definitions past the API that it is given, and starts no goroutine
// before [Server.Start].
package customresources
