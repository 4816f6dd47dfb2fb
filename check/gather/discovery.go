package gather

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/kube-openapi/pkg/handler3"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/discoverymerge"
)

// slow is from when on a document is asked for again, to see whether it is always slow.
const slow = 500 * time.Millisecond

// openAPIPatience is how many times as long as others a request for an OpenAPI document has.
const openAPIPatience = 4

// maxOpenAPIV3 bounds how many OpenAPI v3 documents are read.
const maxOpenAPIV3 = 64

var aggregatedGVK = schema.GroupVersionKind{Group: "apidiscovery.k8s.io", Version: "v2", Kind: "APIGroupDiscoveryList"}

// readLegacy reads the resource list of each group-version. It tells whether any was answered.
func (g *gatherer) readLegacy(ctx context.Context) bool {
	answered := false
	for _, gv := range g.target.GroupVersions {
		ask := request{path: availability.Path(gv.Group, gv.Version)}
		r := g.admin.ask(ctx, ask)
		// One that hangs once hangs for all, or costs too much to try.
		if ctx.Err() != nil || r.Hung && !answered {
			g.legacy(gv, ask.path, r, nil)
			return false
		}
		var again []reply
		for i := 0; i < 2 && r.OKStatus() && r.took > slow; i++ {
			again = append(again, g.admin.ask(ctx, ask))
		}
		answered = answered || r.Failure == ""
		g.legacy(gv, ask.path, r, again)
	}
	return answered
}

// OKStatus tells whether the document was served.
func (r *reply) OKStatus() bool { return r.Failure == "" && r.Status == http.StatusOK }

func (g *gatherer) legacy(gv schema.GroupVersion, path string, r reply, again []reply) {
	g.seen.Legacy[gv.String()] = reading(path, r, again)
	if r.OKStatus() {
		g.seen.Documents.Legacy[gv.String()] = r.body
	}
}

// reading notes a document; again are further whole answers.
func reading(path string, r reply, again []reply) *check.Reading {
	out := &check.Reading{Path: path, Answer: r.Answer, ETag: r.etag}
	if !r.OKStatus() {
		return out
	}
	quickest := r.took
	for i := range again {
		if again[i].OKStatus() {
			quickest = min(quickest, again[i].took)
		}
	}
	out.Millis = quickest.Milliseconds()
	return out
}

// readAggregated reads /apis as an aggregator does first.
func (g *gatherer) readAggregated(ctx context.Context) {
	const path = "/apis"
	ask := request{path: path, accept: discovery.AcceptV2}
	r, out := g.readTwice(ctx, g.admin, ask)
	if ctx.Err() != nil {
		return
	}
	g.seen.Aggregated = out
	if is, _ := discovery.ContentTypeIsGVK(r.ContentType, aggregatedGVK); is && r.OKStatus() {
		g.seen.Documents.Discovery = r.body
	}
}

// readTwice reads a document, reads it again, and then with the second one's ETag.
func (g *gatherer) readTwice(ctx context.Context, d door, ask request) (reply, *check.Reading) {
	r := d.ask(ctx, ask)
	if !r.OKStatus() {
		return r, reading(ask.path, r, nil)
	}
	again := d.ask(ctx, ask)
	out := reading(ask.path, r, []reply{again})
	if !again.OKStatus() {
		return r, out
	}
	out.Again = &check.Again{ETag: again.etag, Same: sameDocument(r.body, again.body)}
	if again.etag == "" {
		return r, out
	}
	ask.ifNoneMatch = again.etag
	if conditional := d.ask(ctx, ask); conditional.Failure == "" {
		out.Conditional = &check.Conditional{Status: conditional.Status, ETag: conditional.etag, Asked: again.etag}
	}
	return r, out
}

// sameDocument tells whether two documents are the same, the order of keys aside.
func sameDocument(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// readOpenAPI reads the v2 document, and the v3 index with what it lists.
func (g *gatherer) readOpenAPI(ctx context.Context) {
	d := g.admin
	d.timeout *= openAPIPatience
	r, out := g.readTwice(ctx, d, request{path: "/openapi/v2"})
	if ctx.Err() != nil {
		return
	}
	g.seen.OpenAPIV2 = out
	if r.OKStatus() {
		g.seen.Documents.OpenAPIV2 = r.body
	}
	r, out = g.readTwice(ctx, d, request{path: "/openapi/v3"})
	if ctx.Err() != nil {
		return
	}
	g.seen.OpenAPIV3 = out
	if !r.OKStatus() {
		return
	}
	g.seen.Documents.OpenAPIV3Index = r.body
	var index handler3.OpenAPIV3Discovery
	if json.Unmarshal(r.body, &index) != nil {
		return
	}
	for i, key := range slices.Sorted(maps.Keys(index.Paths)) {
		ask, ok := v3Request(key, index.Paths[key].ServerRelativeURL)
		if i >= maxOpenAPIV3 || !ok {
			continue
		}
		one := d.ask(ctx, ask)
		if ctx.Err() != nil || one.Hung {
			return
		}
		if one.OKStatus() {
			g.seen.Documents.OpenAPIV3[key] = one.body
		}
	}
}

// v3Request asks for one document of an index, at this backend whatever the index says.
func v3Request(key, relative string) (request, bool) {
	r := request{path: "/openapi/v3/" + key}
	if u, err := url.Parse(relative); err == nil && strings.HasPrefix(u.Path, "/openapi/v3/") {
		r.path, r.query = u.Path, u.RawQuery
	}
	clean, err := url.Parse(r.path)
	return r, err == nil && clean.Host == "" && !strings.Contains(r.path, "..")
}

// decode reads what discovery says of the group-versions.
func (g *gatherer) decode() {
	versions, err := discoverymerge.DecodeAggregated(g.seen.Documents.Discovery)
	if err != nil {
		versions = nil
	}
	for _, gv := range g.target.GroupVersions {
		if entry, ok := versions[gv]; ok {
			g.entries[gv] = &entry
			continue
		}
		if entry, err := discoverymerge.DecodeLegacy(gv, g.seen.Documents.Legacy[gv.String()]); err == nil {
			g.entries[gv] = entry
		}
	}
}
