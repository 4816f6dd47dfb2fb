// Package orchard is an example of a custom apiserver, as small as one on
// k8s.io/apiserver can be: one group in two versions, one resource that can be
// written and watched, with a status subresource, table output, OpenAPI and
// server-side apply.
//
// What comes in is a listener, a serving certificate, a kubeconfig for the
// kube-apiserver in front (kagg, or a cluster's) and a place to store. What goes
// out is a GenericAPIServer that is ready to run. It asks the one in front who a
// caller is and what a caller may do, and decides neither itself.
//
// Where to look: hub has the stored types, v1 and v1beta1 the served ones with
// their conversions, strategy.go the rules for writing, table.go what kubectl get
// prints, storage.go the endpoints, server.go the assembly.
package orchard
