// Package gather connects to backends and notes what they do, for package check to judge.
//
// In come where the backends are, how they are to be trusted, and the aggregator's own credentials; out come
// check.Backend values and the documents that were read. The package decides nothing and changes nothing, unless it
// is allowed to create objects for trial. A backend that hangs costs a bounded time and is noted; it is no error.
package gather
