// Package serviceaccount makes ServiceAccounts identities: it signs and verifies their tokens, answers
// TokenRequests, publishes the keys for others to verify with, and keeps what controllers give every
// namespace of a cluster.
//
// Objects come in through the stores of [Objects]; tokens, documents and users go out. It opens no
// socket and reads no file: keys are handed in.
package serviceaccount
