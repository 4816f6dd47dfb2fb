// Package manifest reads Kubernetes objects from YAML and JSON, strictly, and follows changes to them.
//
// In come file and folder names (or standard input) and a scheme that says which kinds exist; out come
// the objects as they were written, each with the place it came from, or errors that name file, line,
// field and what to write instead: all of them, not the first. Load reads once; Watch reports again
// whenever a file, a folder or a symbolic link on the way to one changes, and keeps the last good state
// of a file that turned bad.
//
// What is read is bounded (16 MiB a file, a million values, 1000 levels). The package never writes a
// file, never polls, never fills in defaults in what it returns, and knows nothing of what the objects
// are for: defaulting and validation, done on a copy, are the scheme's and kube-aggregator's own.
package manifest
