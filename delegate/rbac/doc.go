// Package rbac decides what a user may do by the objects of rbac.authorization.k8s.io, as a kube-apiserver
// with --authorization-mode=RBAC does.
//
// In come Roles, ClusterRoles and their bindings; out goes an immutable [Index] that answers authorizers'
// questions by maps alone, and pure functions beside it: what an aggregated ClusterRole is made of, which
// rules of a role someone lacks who wants to grant it, and which kubectl commands would allow what was
// refused. [Follow] keeps an [Authorizer] in step with the objects of a cluster.
//
// The package stores nothing and serves nothing.
package rbac
