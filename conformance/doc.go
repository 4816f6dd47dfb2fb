// Package conformance holds kagg to what it stands in for: real custom apiservers,
// the real kubectl and Helm, client-go, and the real kube-aggregator. It is a module of its own, so
// that what only these tests need is no dependency of kagg.
//
// In come the sources of kagg one folder up (or the binary in KAGG_BINARY); out
// go test results. Nothing but Go has to be installed: see internal/harness.
package conformance

//go:generate go run ./internal/parity/generate ../testdata/conformance ../docs/conformance.md
