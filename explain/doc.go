// Package explain says why the merged API is as it is.
//
// In come a replayed recording (aggregator.Replay) and a Target, which names one thing of the API: a group, a version,
// a resource, an OpenAPI definition or path, an APIService, or a request. Out goes an Explanation: what became of it,
// every decision that led there, and what would change it.
//
// The package decides nothing. It picks what the deciding packages say (availability, discoverymerge, openapimerge,
// proxy, and aggregator for routes and authorization) and puts it into one form. It does no I/O and reads no clock; the
// same recording and target give the same bytes. All functions may be called concurrently.
package explain
