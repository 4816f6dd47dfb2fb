// Package helm has no code: its module says which Helm the conformance tests run.
package helm
