// Package check finds what is wrong with the objects and the backends of an aggregation layer before its users do.
//
// In come a replay, what the manifest loader refused, and what was seen of each backend by connecting to it; out come
// findings, each with a stable code. Where a merge or a rule of availability has decided a thing already, the finding
// repeats that decision. The package never opens a file or a connection, and reads no clock: the same facts give the
// same findings in the same order.
package check

//go:generate go run ./generate ../docs/checks.md
