// Package misbehaving is a small custom apiserver that does wrong exactly what it is told to, and everything else
// right: what a check has to find, and what it must not.
//
// In come the names of faults. Out comes an HTTPS server on a free port of 127.0.0.1, with the CA that vouches for it
// and the front-proxy certificate that it believes. It serves one namespaced resource, ships, from memory, and asks no
// other server anything.
package misbehaving
