package check

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/kagg-project/kagg/discoverymerge"
)

// liveDiscoveryChecks are about how backends answer for discovery, beyond what the documents say.
func liveDiscoveryChecks() []Check {
	const (
		fetch  = "k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, fetchFreshDiscoveryForService"
		accept = "$ curl -H 'Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' https://BACKEND/apis\n"
	)
	return []Check{
		{
			Code: "KAGG050", Name: "aggregated-refused", Area: AreaDiscovery, Severity: SeverityInfo,
			Title:    "a backend that does not speak aggregated discovery",
			Why:      "The aggregator asks for the resource list of each group-version instead. That works, with a request more for each, and without ETags.",
			Mend:     "Serve /apis as an APIGroupDiscoveryList of apidiscovery.k8s.io/v2 where the Accept header asks for it; k8s.io/apiserver does since 1.30.",
			find:     findAggregatedRefused,
			Upstream: fetch,
			Failing:  accept + "404",
			Mended:   accept + "200, Content-Type: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
		},
		{
			Code: "KAGG051", Name: "aggregated-broken", Area: AreaDiscovery, Severity: SeverityError,
			Title:    "aggregated discovery that is unavailable, or not what its content type says",
			Why:      "The aggregator does not ask for the resource lists then: the groups are stale, or empty. kubectl, helm and the deletion of namespaces fail on them.",
			Mend:     "Answer with an APIGroupDiscoveryList, or with 404 to have the resource lists asked for. 503 is for servers that are yet to be ready.",
			find:     findAggregatedBroken,
			Upstream: fetch,
			Failing:  accept + "503",
			Mended:   accept + "404",
		},
		{
			Code: "KAGG052", Name: "discovery-differs", Area: AreaDiscovery, Severity: SeverityWarning,
			Title:    "a resource list that differs from the aggregated document",
			Why:      "kubectl before 1.26 and clients that ask for /apis/GROUP/VERSION see another API than those that read the aggregated document.",
			Mend:     "Make both from the same values.",
			find:     findDiscoveryDiffers,
			Upstream: "k8s.io/client-go/discovery/discovery_client.go, ServerGroupsAndResources",
			Failing:  "/apis:      {resource: things, verbs: [get, list, watch]}\n/apis/g/v1: {name: things, verbs: [get, list]}",
			Mended:   "/apis:      {resource: things, verbs: [get, list, watch]}\n/apis/g/v1: {name: things, verbs: [get, list, watch]}",
		},
		{
			Code: "KAGG053", Name: "discovery-without-etag", Area: AreaDiscovery, Severity: SeverityInfo,
			Title:    "aggregated discovery without an ETag",
			Why:      "The aggregator asks every minute, and gets and decodes the whole document each time, changed or not.",
			Mend:     "Send an ETag that is a digest of the document, and answer 304 where If-None-Match has it.",
			find:     missingETag((*Backend).aggregatedReading),
			Upstream: fetch,
			Failing:  "HTTP/1.1 200 OK",
			Mended:   "HTTP/1.1 200 OK\nETag: \"6D5C…\"",
		},
		{
			Code: "KAGG054", Name: "openapi-without-etag", Area: AreaDiscovery, Severity: SeverityInfo,
			Title:    "an OpenAPI document without an ETag",
			Why:      "The aggregator asks every minute, and gets and decodes the whole document each time: with large documents that is most of its work.",
			Mend:     "Send an ETag that is a digest of the document, and answer 304 where If-None-Match has it.",
			find:     missingETag((*Backend).openAPIReadings),
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/openapi/aggregator/downloader.go, Download",
			Failing:  "HTTP/1.1 200 OK",
			Mended:   "HTTP/1.1 200 OK\nETag: \"6D5C…\"",
		},
		{
			Code: "KAGG055", Name: "if-none-match-ignored", Area: AreaDiscovery, Severity: SeverityInfo,
			Title:    "an ETag whose document is sent again to whoever has it",
			Why:      "The aggregator asks every minute with If-None-Match, and gets the whole document all the same.",
			Mend:     "Answer 304 without a body where If-None-Match has the document's ETag.",
			find:     findIfNoneMatch,
			Upstream: "k8s.io/apiserver/pkg/endpoints/discovery/aggregated/etag.go, ServeHTTPWithETag",
			Failing:  "If-None-Match: \"6D5C…\"\nHTTP/1.1 200 OK\nETag: \"6D5C…\"",
			Mended:   "If-None-Match: \"6D5C…\"\nHTTP/1.1 304 Not Modified",
		},
		{
			Code: "KAGG056", Name: "etag-changes", Area: AreaDiscovery, Severity: SeverityWarning,
			Title:   "an ETag that changes though the document does not",
			Why:     "Each time that the aggregator asks, the document is new to it: it merges everything anew, and every client that caches by ETag downloads the merged document again.",
			Mend:    "Make the ETag a digest of the content: neither of the time, nor of the order of a map.",
			find:    findETag(func(r *Reading) bool { return r.Again.Same && r.ETag != r.Again.ETag }, "the same content has the ETag %s, and then %s"),
			Failing: "ETag: \"1\"   then   ETag: \"2\"",
			Mended:  "ETag: \"6D5C…\"   then   ETag: \"6D5C…\"",
		},
		{
			Code: "KAGG057", Name: "etag-stays", Area: AreaDiscovery, Severity: SeverityError,
			Title:   "an ETag that stays though the document changes",
			Why:     "The aggregator asks with it, is told that nothing changed, and serves the old document for as long as it runs.",
			Mend:    "Make the ETag a digest of the content.",
			find:    findETag(func(r *Reading) bool { return !r.Again.Same && r.ETag == r.Again.ETag }, "two reads with different content have the ETags %s and %s"),
			Failing: "ETag: \"v1.0\"   {\"paths\": {}}   then   ETag: \"v1.0\"   {\"paths\": {\"/apis\": …}}",
			Mended:  "ETag: \"6D5C…\"   then   ETag: \"A91F…\"",
		},
		{
			Code: "KAGG058", Name: "discovery-slow", Area: AreaDiscovery, Severity: SeverityWarning,
			Title:    "discovery that always takes longer than a second",
			Why:      "Clients wait for all of discovery: kubectl does with every command that finds no fresh cache. From five seconds on the aggregator takes the backend for unavailable.",
			Mend:     "Make the documents once, when the server starts or its API changes, and not with each request.",
			find:     findSlow,
			Upstream: "k8s.io/kube-aggregator/pkg/controllers/status/remote/remote_available_controller.go, sync",
			Failing:  "$ time curl https://BACKEND/apis/g/v1\nreal 0m2.1s",
			Mended:   "$ time curl https://BACKEND/apis/g/v1\nreal 0m0.01s",
		},
		{
			Code: "KAGG059", Name: "document-unanswered", Area: AreaDiscovery, Severity: SeverityError,
			Title:    "a document that is not answered, or not to its end",
			Why:      "The aggregator waits for five seconds and takes the group for stale, or for a minute and goes without the OpenAPI document.",
			Mend:     "Answer every request, with 404 for what is not served. What takes long to make is made before it is asked for.",
			find:     findUnanswered,
			Upstream: "k8s.io/kube-aggregator/pkg/apiserver/handler_discovery.go, DiscoverOnce",
			Failing:  "$ curl -m 5 https://BACKEND/openapi/v2\ncurl: (28) Operation timed out",
			Mended:   "$ curl https://BACKEND/openapi/v2\n404",
		},
	}
}

// readings are all documents that were asked for, in a fixed order.
func (b *Backend) readings() []*Reading {
	all := b.aggregatedReading()
	if b.Aggregated != nil && len(all) == 0 {
		all = append(all, b.Aggregated)
	}
	for _, gv := range slices.Sorted(maps.Keys(b.Legacy)) {
		all = append(all, b.Legacy[gv])
	}
	return append(all, b.openAPIReadings()...)
}

// aggregatedReading is the aggregated document, where it is one.
func (b *Backend) aggregatedReading() []*Reading {
	if b.Aggregated.aggregated() {
		return []*Reading{b.Aggregated}
	}
	return nil
}

func (b *Backend) openAPIReadings() []*Reading {
	return slices.DeleteFunc([]*Reading{b.OpenAPIV2, b.OpenAPIV3}, func(r *Reading) bool { return r == nil })
}

var aggregatedGVK = schema.GroupVersionKind{Group: "apidiscovery.k8s.io", Version: "v2", Kind: "APIGroupDiscoveryList"}

// aggregated tells whether the content type says so, which is all that an aggregator looks at.
func (r *Reading) aggregated() bool {
	if r == nil || r.Failure != "" || r.Status != statusOK {
		return false
	}
	is, err := discovery.ContentTypeIsGVK(r.ContentType, aggregatedGVK)
	return err == nil && is
}

func findAggregatedRefused(f Facts) []Finding {
	var out []Finding
	for _, b := range f.live() {
		a := b.Aggregated
		if a == nil || a.Failure != "" || a.aggregated() || a.Status == statusUnavailable || a.Refused() && !b.believed() {
			continue
		}
		how := a.how()
		if a.Status == statusOK {
			how = fmt.Sprintf("is answered with %q and the content type %q", a.Kind, a.ContentType)
		}
		out = append(out, Finding{Message: "aggregated discovery " + how, Where: b.where(a.Path, "")})
	}
	return out
}

func findAggregatedBroken(f Facts) []Finding {
	var out []Finding
	for _, b := range f.live() {
		a := b.Aggregated
		how := ""
		switch {
		case a == nil || a.Failure != "":
		case a.Status == statusUnavailable:
			how = "is answered with 503: " + a.Message
		case a.aggregated() && b.Documents.Discovery != nil:
			if _, err := discoverymerge.DecodeAggregated(b.Documents.Discovery); err != nil {
				how = "cannot be read: " + err.Error()
			}
		}
		if how != "" {
			out = append(out, Finding{Message: "aggregated discovery " + how, Where: b.where(a.Path, "")})
		}
	}
	return out
}

// missingETag makes a find of what was served without an ETag.
func missingETag(which func(*Backend) []*Reading) func(Facts) []Finding {
	return eachReading(which, func(r *Reading) string {
		if r.Status != statusOK || r.ETag != "" || r.Failure != "" {
			return ""
		}
		return "the document is served without an ETag"
	})
}

// eachReading makes a find of what looks at one document.
func eachReading(which func(*Backend) []*Reading, look func(*Reading) string) func(Facts) []Finding {
	return func(f Facts) []Finding {
		var out []Finding
		for _, b := range f.live() {
			for _, r := range which(b) {
				if message := look(r); message != "" {
					out = append(out, Finding{Message: message, Where: b.where(r.Path, "")})
				}
			}
		}
		return out
	}
}

func findIfNoneMatch(f Facts) []Finding {
	return eachReading((*Backend).readings, func(r *Reading) string {
		c := r.Conditional
		if c == nil || c.Status != statusOK || c.ETag != c.Asked {
			return ""
		}
		return "a request with If-None-Match: " + c.Asked + " is answered with 200 and the same ETag"
	})(f)
}

func findETag(wrong func(*Reading) bool, message string) func(Facts) []Finding {
	return eachReading((*Backend).readings, func(r *Reading) string {
		if r.Again == nil || r.ETag == "" || r.Again.ETag == "" || !wrong(r) {
			return ""
		}
		return fmt.Sprintf(message, r.ETag, r.Again.ETag)
	})
}

// slowMillis is how long discovery may take.
const slowMillis = 1000

func findSlow(f Facts) []Finding {
	documents := func(b *Backend) []*Reading {
		return slices.DeleteFunc(b.readings(), func(r *Reading) bool { return r == b.OpenAPIV2 || r == b.OpenAPIV3 })
	}
	return eachReading(documents, func(r *Reading) string {
		if r.Millis <= slowMillis {
			return ""
		}
		return fmt.Sprintf("the quickest of several answers took %.1f s", float64(r.Millis)/1000)
	})(f)
}

func findUnanswered(f Facts) []Finding {
	var out []Finding
	for _, b := range f.live() {
		if !b.presented() {
			continue
		}
		for _, r := range b.readings() {
			if r.Failure != "" {
				out = append(out, Finding{Message: "the document cannot be had: " + r.Failure, Where: b.where(r.Path, "")})
			}
		}
	}
	return out
}
