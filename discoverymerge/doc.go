// Package discoverymerge merges the discovery documents of many backends into the two documents that a
// kube-apiserver serves at /apis: the aggregated one (APIGroupDiscoveryList, v2) and the unaggregated one
// (APIGroupList).
//
// In come Inputs, one for each APIService and for each group-version that the delegate serves, with what its
// backend lists and how the newest fetch went. Out goes a Result: both documents, and for everything that the
// merge had to decide a Decision that says who won, who lost, by which Rule, and where the real kube-aggregator
// decides the same. Quirks names the upstream bugs that are reproduced.
//
// The merge is a pure function. It fetches nothing, reads no clock, holds no state, never changes its inputs,
// shares no memory with them, and gives the same bytes for the same inputs in any order. Every function may be
// called from many goroutines at once, as long as nobody writes to the inputs meanwhile.
//
// The order and the contents follow k8s.io/kube-aggregator pkg/apiserver (handler_apis.go, handler_discovery.go)
// and k8s.io/apiserver pkg/endpoints/discovery/aggregated (handler.go). The core group's document at /api is not
// made here: the delegate serves it itself.
package discoverymerge
