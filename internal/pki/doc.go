// Package pki keeps the certificates, keys and kubeconfigs of one kagg in its state folder.
//
// In comes a folder and the names that kagg is reached by; out goes a State whose files are complete,
// valid and private by mode: a cluster CA with the serving, admin and apiserver certificates under it,
// a front-proxy CA with the proxy's client certificate under it, serving certificates minted for
// backends, and two kubeconfigs. What is there and good is used again; what is missing is made; what
// is about to expire is made anew, a CA together with everything below it.
//
// The package never reaches the network, never logs, keeps no key in memory between calls, and never
// replaces a file that it cannot read as a certificate or key: that is an error which names the file.
package pki
