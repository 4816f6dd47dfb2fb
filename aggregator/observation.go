package aggregator

import (
	"maps"
	"slices"
	"sync/atomic"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/handler3"

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
	// discovered and fetched are true once discovery, and the OpenAPI
	// documents, have been asked for.
	discovered, fetched bool
	// outdated is true while what could not be had of the OpenAPI documents
	// could not be had because the backend was down, which it is no more.
	outdated bool
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
	document *openapimerge.Document
	etag     string
	failure  string
	// conversion is the document as v3, for a backend without v3 of its own.
	conversion *openapimerge.Conversion
}

type openAPIV3 struct {
	index   *handler3.OpenAPIV3Discovery
	failure string
}

// passed tells whether the newest probe of some group-version found the backend
// well: one that fails them all is not worth asking for more.
func (o *observation) passed() bool {
	for _, p := range o.probes {
		if p.Done && p.Failure == "" {
			return true
		}
	}
	return false
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
	for gv, r := range merged {
		if before := o.probes[gv]; r.Failure == "" && (!before.Done || before.Failure != "") {
			next.outdated = o.v2.failure != "" || o.v3.failure != ""
		}
	}
	return &next, true
}

// forget returns the observation without the probes of group-versions that are
// not wanted: one that comes back later is another APIService.
func (o *observation) forget(wanted []schema.GroupVersion) *observation {
	next, _ := o.withProbes(nil, wanted)
	return next
}

// withDiscovery returns the observation with d in place of its discovery; where
// a group-version could not be had, its last good entry stays beside the failure.
// The second result tells whether anything differs.
func (o *observation) withDiscovery(d discovered) (*observation, bool) {
	entries := make(map[schema.GroupVersion]discoveryEntry, len(d.entries))
	for gv, e := range d.entries {
		if before := o.discovery[gv]; e.failure != "" {
			e.entry, e.failure = before.entry, settledFailure(before.failure, e.failure)
		}
		entries[gv] = e
	}
	unclaimed := d.unclaimed
	if d.failed() {
		unclaimed = o.unclaimed
	}
	if o.discovered && maps.Equal(o.discovery, entries) && slices.Equal(o.unclaimed, unclaimed) {
		return o, false
	}
	next := *o
	next.discovery, next.unclaimed, next.discovered = entries, unclaimed, true
	return &next, true
}

// withOpenAPI returns the observation with the documents in place of its own;
// where one could not be had, the last good one stays beside the failure. The
// second result tells whether anything differs; a document that did not change is
// the same pointer, so that comparing is cheap.
func (o *observation) withOpenAPI(d openAPI) (*observation, bool) {
	if failure := settledFailure(o.v2.failure, d.v2.failure); failure != "" {
		d.v2 = o.v2
		d.v2.failure = failure
	}
	if failure := settledFailure(o.v3.failure, d.v3.failure); failure != "" {
		d.v3 = openAPIV3{index: o.v3.index, failure: failure}
	}
	if o.fetched && !o.outdated && o.v2 == d.v2 && o.v3 == d.v3 {
		return o, false
	}
	next := *o
	next.v2, next.v3, next.fetched, next.outdated = d.v2, d.v3, true, false
	return &next, true
}

// settledFailure returns before where now says the same in other words: what is
// no news should not make a new snapshot.
func settledFailure(before, now string) string {
	if now != "" && availability.SameFailure(before, now) {
		return before
	}
	return now
}

// lack says why the backend has no OpenAPI document; "" when it has one, or when
// it is not known yet.
func (o *observation) lack() string {
	switch {
	case !o.fetched || o.outdated || o.v2.document != nil || o.v3.index != nil:
		return ""
	case o.v2.failure != "":
		return "OpenAPI could not be read: " + o.v2.failure
	case o.v3.failure != "":
		return "OpenAPI could not be read: " + o.v3.failure
	}
	return "serves no OpenAPI document: kubectl explain and client-side validation know nothing of its kinds"
}

// succeed returns what is kept of the observation when its backend is replaced
// by one with another address or trust: a change of address is no reason to
// forget good documents, nor to refuse requests until the first probe.
func (o *observation) succeed(lastProbe *atomic.Int64) *observation {
	next := *o
	next.lastProbe = lastProbe
	next.fetched = o.v2.document != nil || o.v3.index != nil
	return &next
}
