// Package upstream runs the real kube-aggregator as it stands in a kube-apiserver: k8s.io/kube-aggregator's
// apiserver with the stock handler chain, in this process, without etcd.
//
// In come a state folder of kagg, whose certificates it serves and proxies with, and the same settings of
// authentication; out goes the address of a server whose local APIs are kagg's delegate. What is compared
// with kagg is the aggregation layer alone: both stand before the same local APIs.
package upstream
