// Package openapi holds the OpenAPI schemas of every kind that the delegate serves, with the
// documentation that kubectl explain shows.
package openapi
