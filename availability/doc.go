// Package availability decides whether an APIService is available, and gathers
// the one fact for which a backend has to be asked.
//
// What comes in: the facts about an APIService, its Service and its
// EndpointSlices, and the result of the newest probe. What goes out: the
// Available condition, with the reasons and messages that the kube-aggregator
// writes.
//
// Evaluate is pure. Probe does one round of requests through a RoundTripper
// that is handed in. Nothing here keeps state, retries, or decides when to
// probe.
package availability
