package aggregator

import (
	"maps"
	"slices"
	"sync/atomic"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
)

// observation is what is known of one backend. It is immutable: the goroutines
// of a backend make a new one for each thing learned.
type observation struct {
	probes    map[schema.GroupVersion]availability.ProbeResult
	discovery map[schema.GroupVersion]discoveryEntry
	// unclaimed are group-versions that the backend lists and no APIService
	// sends to it.
	unclaimed []schema.GroupVersion
	v2        openAPIV2
	v3        openAPIV3
	// fetched is true once every document has been asked for.
	fetched bool
	// lastProbe is the time of the newest probe in Unix nanoseconds. It is
	// shared by all observations of the backend: a probe that finds nothing
	// new is not worth an observation.
	lastProbe *atomic.Int64
}

type discoveryEntry struct {
	form    discoverymerge.Form
	entry   *apidiscoveryv2.APIVersionDiscovery
	failure string
}

type openAPIV2 struct {
	document *spec.Swagger
	etag     string
	failure  string
	// conversion is the document as v3, for a backend without v3 of its own.
	conversion *openapimerge.Conversion
}

type openAPIV3 struct {
	index   *handler3.OpenAPIV3Discovery
	failure string
}

// withProbes returns the observation with the results laid over its own and
// those of group-versions that are not wanted any more left out. The second
// result tells whether anything differs.
func (o *observation) withProbes(results map[schema.GroupVersion]availability.ProbeResult, wanted []schema.GroupVersion) (*observation, bool) {
	merged := make(map[schema.GroupVersion]availability.ProbeResult, len(wanted))
	for _, gv := range wanted {
		if r, ok := results[gv]; ok && r.Done {
			merged[gv] = r
		} else if r, ok := o.probes[gv]; ok {
			merged[gv] = r
		}
	}
	if maps.Equal(o.probes, merged) {
		return o, false
	}
	next := *o
	next.probes = merged
	return &next, true
}

// documents is what one round of fetching gave.
type documents struct {
	discovery map[schema.GroupVersion]discoveryEntry
	unclaimed []schema.GroupVersion
	v2        openAPIV2
	v3        openAPIV3
	// openAPIAsked is true once v2 and v3 have been asked for.
	openAPIAsked bool
}

// withDocuments returns the observation with the documents in place of its own;
// where one could not be had, the last good one stays beside the failure. The
// second result tells whether anything differs; documents that did not change are
// the same pointers, so that comparing them is cheap.
func (o *observation) withDocuments(d documents) (*observation, bool) {
	next := *o
	next.unclaimed, next.fetched = d.unclaimed, o.fetched || d.openAPIAsked
	next.discovery = make(map[schema.GroupVersion]discoveryEntry, len(d.discovery))
	for gv, e := range d.discovery {
		if e.failure != "" && e.entry == nil {
			e.entry = o.discovery[gv].entry
		}
		next.discovery[gv] = e
	}
	if d.openAPIAsked {
		next.v2, next.v3 = d.v2, d.v3
		if d.v2.failure != "" && d.v2.document == nil {
			next.v2 = o.v2
			next.v2.failure = d.v2.failure
		}
		if d.v3.failure != "" && d.v3.index == nil {
			next.v3.index = o.v3.index
		}
	}
	same := o.fetched == next.fetched && o.discovery != nil && maps.Equal(o.discovery, next.discovery) &&
		slices.Equal(o.unclaimed, next.unclaimed) && o.v2 == next.v2 && o.v3 == next.v3
	if same {
		return o, false
	}
	return &next, true
}

// openAPIFailed tells whether an OpenAPI document could not be had.
func (d documents) openAPIFailed() bool { return d.v2.failure != "" || d.v3.failure != "" }

// commonFailure returns why discovery failed for every group-version; "" when it
// did not.
func (d documents) commonFailure() string {
	failure := ""
	for _, e := range d.discovery {
		if e.failure == "" {
			return ""
		}
		failure = max(failure, e.failure)
	}
	return failure
}

// withOpenAPIFailure returns d with the failure of discovery for that of the
// OpenAPI documents.
func (d documents) withOpenAPIFailure() documents {
	d.v2.failure = d.commonFailure()
	d.v3.failure = d.v2.failure
	return d
}

// unreachableDocuments is what a backend without an address gives.
func unreachableDocuments(wanted []schema.GroupVersion, why string) documents {
	d := documents{discovery: make(map[schema.GroupVersion]discoveryEntry, len(wanted))}
	for _, gv := range wanted {
		d.discovery[gv] = discoveryEntry{form: discoverymerge.FormNone, failure: why}
	}
	return d
}
