// Package parity compares kagg with the real kube-aggregator, request by request.
//
// In come scenarios, which are data: a folder with a scenario.yaml, the objects that both servers get, and
// the documents of scripted backends. Both servers stand before backends of their own with the same script,
// get the same requests, and what they answer and what their backends received is compared. Out go the
// differences that a scenario does not allow, and counts.
//
// Nothing here knows a single behaviour of the kube-aggregator: the real one is asked.
package parity
