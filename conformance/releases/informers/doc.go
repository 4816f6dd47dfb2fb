// Package informers runs informers on every kind that a kube-apiserver serves, and
// tells on request how their stores differ from a wanted state.
//
// It is compiled with several releases of client-go: this module asks for the
// oldest, and the module of each program that uses it for its own. So it uses only
// what all of them have.
package informers
