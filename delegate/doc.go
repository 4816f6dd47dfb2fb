// Package delegate is the stand-in for the kube-apiserver behind the aggregator: the local APIs that
// an unmodified custom apiserver needs, and that kubectl expects to find.
//
// In come a token authenticator, an authorizer and a storage factory; out goes an [http.Handler] that
// serves /api, /apis, /openapi and /version as a kube-apiserver does, built on k8s.io/apiserver's
// GenericAPIServer and its generic registry. Which kinds there are is data: one table row each.
//
// The package never listens, authenticates or authorizes a request: the chain in front of it does, and
// must have set the request info and the user. It runs no workload: pods and deployments are objects
// that nobody schedules. It validates metadata and what a client would trip over, not every field that
// a kube-apiserver validates.
package delegate
