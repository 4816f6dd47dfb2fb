// Package openapimerge merges the OpenAPI documents of many apiservers into the ones that an aggregated
// API serves, as the kube-aggregator does (k8s.io/kube-aggregator pkg/controllers/openapi and openapiv3),
// and says why the result is what it is.
//
// In come one Input per APIService and per local API: the decoded documents and what orders them. Out go
// the merged OpenAPI v2 document (MergeV2), the OpenAPI v3 index with the owner of each of its keys and
// the documents converted from v2 (MergeV3), and beside each result its Decisions. The helpers of
// encode.go turn documents into the bytes and hashes that clients see, and back.
//
// The package is pure. It never does I/O, reads a clock, starts a goroutine, keeps state between calls or
// writes into its inputs; the same inputs in any order give the same bytes. Results share structure with
// the inputs, so neither may be written afterwards. All functions may be called concurrently.
package openapimerge
