// Package proxy brings a client's request to the custom apiserver behind an APIService, as the
// kube-aggregator's proxy handler does (k8s.io/kube-aggregator pkg/apiserver, handler_proxy.go and
// resolvers.go).
//
// In comes an authenticated request and a [Target], the immutable facts about one APIService: whether
// it is available, where its service resolves to ([Resolve], a pure function over a [Registry]), and
// the connection pool to use ([Transport]). Out goes the same request to the backend, with the user
// written into X-Remote-* headers and nothing that the client could have forged, and the backend's
// answer, streamed as it comes; SPDY and WebSocket upgrades go the same way.
//
// The package never authenticates or authorizes, never probes a backend or decides whether it is
// available, never retries a request that a backend may have seen, holds no state about APIServices,
// and never takes a proxy for its backends from the environment.
package proxy
