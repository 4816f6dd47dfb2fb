// Package harness starts the real programs that the conformance tests put
// together: kagg, the sample-apiserver, kubectl and etcd, and a scripted backend
// to look at what arrives behind kagg.
//
// kagg is built once and run as the binary that a user has. kubectl and the
// sample-apiserver are the unmodified upstream commands, linked into the test
// binary, which runs itself again in their role: so they are processes of their
// own, with their own flags, environment and signals, and nothing has to be
// installed. etcd runs in the test process; helm is built from a module of its own.
//
// Everything waits by events or by polling with a bound; a failure says what was
// waited for and what the programs printed. Everything that is started is stopped
// by the test's cleanup.
package harness
