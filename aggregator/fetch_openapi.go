package aggregator

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-openapi/pkg/handler3"

	"github.com/kagg-project/kagg/openapimerge"
)

// openAPILimits bound an OpenAPI document. The timeout is the kube-aggregator's.
var openAPILimits = limits{timeout: time.Minute, size: 256 << 20}

// openAPIUser asks for OpenAPI documents, as in the kube-aggregator
// (pkg/controllers/openapi/aggregator, aggregatorUser).
var openAPIUser = identity{name: "system:aggregator"}

// openAPI is what one round of fetching the OpenAPI documents gave.
type openAPI struct {
	v2 openAPIV2
	v3 openAPIV3
}

// failed tells whether a document could not be had.
func (o openAPI) failed() bool { return o.v2.failure != "" || o.v3.failure != "" }

// none tells whether the backend has no document at all: it need not be asked
// often.
func (o openAPI) none() bool { return o.v2.document == nil && o.v3.index == nil }

// openAPIFetcher fetches a backend's OpenAPI documents, and remembers what it
// got so that an unchanged document is neither sent nor decoded again. It is used
// by one goroutine.
type openAPIFetcher struct {
	fetcher
	decoding   decoding
	pages      map[string]*page
	conversion *openapimerge.Conversion
}

func newOpenAPIFetcher(f fetcher, d decoding) *openAPIFetcher {
	return &openAPIFetcher{fetcher: f, decoding: d, pages: map[string]*page{}}
}

// fetch asks for the v3 index and the v2 document. A group-version's v3 document
// is asked for by the clients that want it. What could not be had stands in the
// result as a failure.
func (f *openAPIFetcher) fetch(ctx context.Context) openAPI {
	o := openAPI{v3: f.fetchV3(ctx)}
	o.v2 = f.fetchV2(ctx)
	if o.v3.index == nil && o.v3.failure == "" {
		o.v2.conversion = f.convert(ctx, o.v2.document)
	}
	return o
}

func (f *openAPIFetcher) fetchV3(ctx context.Context) openAPIV3 {
	value, err := f.document(ctx, "/openapi/v3", func(body []byte) (any, error) { return openapimerge.DecodeV3Index(body) })
	if err != nil {
		return openAPIV3{failure: err.Error()}
	}
	index, _ := value.(*handler3.OpenAPIV3Discovery)
	return openAPIV3{index: index}
}

func (f *openAPIFetcher) fetchV2(ctx context.Context) openAPIV2 {
	const path = "/openapi/v2"
	value, err := f.document(ctx, path, func(body []byte) (any, error) { return openapimerge.ReadDocument(body) })
	if err != nil {
		return openAPIV2{failure: err.Error()}
	}
	document, ok := value.(*openapimerge.Document)
	if !ok {
		return openAPIV2{}
	}
	// The digest, not the backend's ETag: an ETag that stays though the content
	// changes must not hide the change.
	return openAPIV2{document: document, etag: fmt.Sprintf("%X", f.pages[path].digest)}
}

// convert gives a v2 document as v3, once for each document. One that cannot be
// converted gives nil: the merge says so.
func (f *openAPIFetcher) convert(ctx context.Context, document *openapimerge.Document) *openapimerge.Conversion {
	if document == nil {
		return nil
	}
	if f.conversion == nil || f.conversion.Source != document {
		if f.decoding.begin(ctx) != nil {
			return nil
		}
		converted, err := openapimerge.Convert(document)
		f.decoding.end()
		if err != nil {
			return nil
		}
		f.conversion = converted
	}
	return f.conversion
}

// document asks for an OpenAPI document, which is decoded only when its bytes
// changed. It is nil when the backend has none (404).
func (f *openAPIFetcher) document(ctx context.Context, path string, decode func([]byte) (any, error)) (any, error) {
	known := f.pages[path]
	etag := ""
	if known != nil {
		etag = known.etag
	}
	a, err := f.get(ctx, path, runtime.ContentTypeJSON, etag, openAPIUser, openAPILimits)
	switch {
	case err != nil:
		return nil, err
	case a.status == http.StatusNotFound:
		delete(f.pages, path)
		return nil, nil //nolint:nilnil // no document is an answer
	case a.status == http.StatusNotModified && known != nil:
		return known.value, nil
	case a.status != http.StatusOK:
		return nil, fmt.Errorf("get %s: the backend answered %d: %s", path, a.status, firstLine(a.body))
	}
	digest := sha256.Sum256(a.body)
	if known != nil && known.digest == digest {
		known.etag = a.etag
		return known.value, nil
	}
	if err := f.decoding.begin(ctx); err != nil {
		return nil, err
	}
	value, err := decode(a.body)
	f.decoding.end()
	if err != nil {
		return nil, fmt.Errorf("get %s: the document cannot be read: %w", path, err)
	}
	f.pages[path] = &page{etag: a.etag, digest: digest, value: value}
	return value, nil
}
