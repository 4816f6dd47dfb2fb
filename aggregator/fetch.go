package aggregator

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	apidiscoveryv2conversion "k8s.io/apiserver/pkg/apis/apidiscovery/v2"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/transport"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
)

// Limits of what is taken from a backend.
const (
	maxDocument      = 512 << 20
	discoveryTimeout = 5 * time.Second
	openAPITimeout   = time.Minute
)

// Who asks for documents: as in the kube-aggregator, the aggregated discovery
// document is asked for by a member of system:masters, the others are not.
var (
	discoveryUser       = identity{name: "system:kube-aggregator", groups: []string{"system:masters"}}
	legacyDiscoveryUser = identity{name: "system:kube-aggregator"}
	openAPIUser         = identity{name: "system:aggregator"}
)

type identity struct {
	name   string
	groups []string
}

var aggregatedDiscoveryGVK = schema.GroupVersionKind{Group: "apidiscovery.k8s.io", Version: "v2", Kind: "APIGroupDiscoveryList"}

// discoveryDecoder reads aggregated and legacy discovery documents in any of
// the encodings of the API machinery.
var discoveryDecoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	utilruntime.Must(apidiscoveryv2.AddToScheme(scheme))
	utilruntime.Must(apidiscoveryv2conversion.RegisterConversions(scheme))
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return serializer.NewCodecFactory(scheme).UniversalDeserializer()
}()

// fetcher asks one backend for its documents, and remembers what it got so that
// an unchanged document is neither sent nor decoded again. It is used by one
// goroutine.
type fetcher struct {
	rt   http.RoundTripper
	host func() string

	// claimed is the aggregated document that last is made from.
	claimed *aggregatedDocument
	pages   map[string]*page
	last    documents
}

// aggregatedDocument is a backend's aggregated discovery; an unchanged one keeps
// its pointer.
type aggregatedDocument struct {
	entries map[schema.GroupVersion]apidiscoveryv2.APIVersionDiscovery
}

// page is the newest good answer for one path.
type page struct {
	etag   string
	digest [sha256.Size]byte
	value  any
}

// answer is what a backend said to one request.
type answer struct {
	status      int
	contentType string
	etag        string
	body        []byte
}

func newFetcher(rt http.RoundTripper, host func() string) *fetcher {
	return &fetcher{rt: rt, host: host, pages: map[string]*page{}}
}

// fetchDiscovery asks for the discovery documents. What could not be had stands
// in f.last as a failure, beside the last good version.
func (f *fetcher) fetchDiscovery(ctx context.Context, groupVersions []schema.GroupVersion) {
	f.last.discovery, f.last.unclaimed = f.discover(ctx, groupVersions)
}

// fetchOpenAPI asks for the OpenAPI documents, into f.last as fetchDiscovery does.
func (f *fetcher) fetchOpenAPI(ctx context.Context) {
	v3 := f.fetchV3(ctx)
	v2 := f.fetchV2(ctx)
	if v3.index == nil && v3.failure == "" {
		v2.conversion = f.convert(v2.document)
	}
	f.last.v2, f.last.v3 = v2, v3
}

func (f *fetcher) get(ctx context.Context, path, accept, etag string, as identity, timeout time.Duration) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	target := (&url.URL{Scheme: "https", Host: f.host(), Path: path}).String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Accept", accept)
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	transport.SetAuthProxyHeaders(req, as.name, "", as.groups, nil)
	resp, err := f.rt.RoundTrip(req)
	if err != nil {
		return answer{}, fmt.Errorf("get %s: %w", target, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	closeErr := resp.Body.Close()
	if err := errors.Join(err, closeErr); err != nil {
		return answer{}, fmt.Errorf("get %s: answer was cut: %w", target, err)
	}
	if len(body) > maxDocument {
		return answer{}, fmt.Errorf("get %s: the answer is longer than %d MiB", target, maxDocument>>20)
	}
	return answer{
		status: resp.StatusCode, contentType: resp.Header.Get("Content-Type"), etag: resp.Header.Get("Etag"), body: body,
	}, nil
}

// discover asks for the aggregated document, and where the backend does not
// speak that form, for each group-version's own.
func (f *fetcher) discover(ctx context.Context, groupVersions []schema.GroupVersion) (map[schema.GroupVersion]discoveryEntry, []schema.GroupVersion) {
	document, err := f.fetchAggregated(ctx)
	switch {
	case errors.Is(err, errNotAggregated):
		out := make(map[schema.GroupVersion]discoveryEntry, len(groupVersions))
		for _, gv := range groupVersions {
			out[gv] = f.fetchLegacy(ctx, gv)
		}
		return out, nil
	case err != nil:
		out := make(map[schema.GroupVersion]discoveryEntry, len(groupVersions))
		for _, gv := range groupVersions {
			previous := f.last.discovery[gv]
			if previous.form == "" {
				previous.form = discoverymerge.FormNone
			}
			out[gv] = discoveryEntry{form: previous.form, entry: previous.entry, failure: err.Error()}
		}
		return out, f.last.unclaimed
	}
	return f.claim(document, groupVersions)
}

// claim picks the wanted group-versions out of an aggregated document.
func (f *fetcher) claim(document *aggregatedDocument, wanted []schema.GroupVersion) (map[schema.GroupVersion]discoveryEntry, []schema.GroupVersion) {
	out := make(map[schema.GroupVersion]discoveryEntry, len(wanted))
	for _, gv := range wanted {
		e := discoveryEntry{form: discoverymerge.FormAggregated}
		if listed, ok := document.entries[gv]; ok {
			e.entry = &listed
		}
		// The same pointer for an unchanged document keeps comparing cheap.
		if previous, ok := f.last.discovery[gv]; ok && f.claimed == document {
			e.entry = previous.entry
		}
		out[gv] = e
	}
	var unclaimed []schema.GroupVersion
	for gv := range document.entries {
		if _, ok := out[gv]; !ok {
			unclaimed = append(unclaimed, gv)
		}
	}
	slices.SortFunc(unclaimed, compareGroupVersions)
	f.claimed = document
	return out, unclaimed
}

var errNotAggregated = errors.New("no aggregated discovery")

func (f *fetcher) fetchAggregated(ctx context.Context) (*aggregatedDocument, error) {
	const path = "/apis"
	known := f.pages[path]
	etag := ""
	if known != nil {
		etag = known.etag
	}
	a, err := f.get(ctx, path, discovery.AcceptV2, etag, discoveryUser, discoveryTimeout)
	if err != nil {
		return nil, err
	}
	isAggregated, _ := discovery.ContentTypeIsGVK(a.contentType, aggregatedDiscoveryGVK)
	switch {
	case a.status == http.StatusNotModified && known != nil:
		return known.value.(*aggregatedDocument), nil
	case a.status == http.StatusServiceUnavailable:
		return nil, fmt.Errorf("get /apis: the backend answered 503: %s", firstLine(a.body))
	case a.status != http.StatusOK || !isAggregated:
		return nil, errNotAggregated
	}
	digest := sha256.Sum256(a.body)
	if known != nil && known.digest == digest {
		return known.value.(*aggregatedDocument), nil
	}
	list := &apidiscoveryv2.APIGroupDiscoveryList{}
	if err := decodeInto(a.body, list); err != nil {
		return nil, fmt.Errorf("get /apis: the aggregated discovery document cannot be read: %w", err)
	}
	document := &aggregatedDocument{entries: discoverymerge.FromAggregated(list)}
	f.pages[path] = &page{etag: a.etag, digest: digest, value: document}
	return document, nil
}

func (f *fetcher) fetchLegacy(ctx context.Context, gv schema.GroupVersion) discoveryEntry {
	path := availability.Path(gv.Group, gv.Version)
	failed := func(err error) discoveryEntry {
		return discoveryEntry{form: discoverymerge.FormLegacy, entry: f.last.discovery[gv].entry, failure: err.Error()}
	}
	a, err := f.get(ctx, path, runtime.ContentTypeJSON, "", legacyDiscoveryUser, discoveryTimeout)
	if err != nil {
		return failed(err)
	}
	if a.status != http.StatusOK {
		return failed(fmt.Errorf("get %s: the backend answered %d: %s", path, a.status, firstLine(a.body)))
	}
	digest := sha256.Sum256(a.body)
	if known := f.pages[path]; known != nil && known.digest == digest {
		return known.value.(discoveryEntry)
	}
	list := &metav1.APIResourceList{}
	if err := decodeInto(a.body, list); err != nil {
		return failed(fmt.Errorf("get %s: the discovery document cannot be read: %w", path, err))
	}
	entry, err := discoverymerge.FromLegacy(gv, list)
	if err != nil {
		return failed(fmt.Errorf("get %s: %w", path, err))
	}
	e := discoveryEntry{form: discoverymerge.FormLegacy, entry: entry}
	f.pages[path] = &page{digest: digest, value: e}
	return e
}

func decodeInto(data []byte, into runtime.Object) error {
	_, _, err := discoveryDecoder.Decode(data, nil, into)
	return err
}

// fetchV3 asks for the index only: a group-version's document is asked for by
// the clients that want it.
func (f *fetcher) fetchV3(ctx context.Context) openAPIV3 {
	const path = "/openapi/v3"
	value, found, err := f.document(ctx, path, func(body []byte) (any, error) {
		index, err := openapimerge.DecodeV3Index(body)
		return index, err
	})
	out := openAPIV3{}
	switch {
	case err != nil:
		out = openAPIV3{index: f.last.v3.index, failure: err.Error()}
	case found:
		out.index, _ = value.(*handler3.OpenAPIV3Discovery)
	}
	return out
}

func (f *fetcher) fetchV2(ctx context.Context) openAPIV2 {
	const path = "/openapi/v2"
	value, found, err := f.document(ctx, path, func(body []byte) (any, error) {
		document, err := openapimerge.DecodeV2(body)
		return document, err
	})
	out := openAPIV2{}
	switch {
	case err != nil:
		out = openAPIV2{document: f.last.v2.document, etag: f.last.v2.etag, failure: err.Error()}
	case found:
		out.document, _ = value.(*spec.Swagger)
		p := f.pages[path]
		out.etag = p.etag
		if out.etag == "" {
			out.etag = fmt.Sprintf("%X", p.digest)
		}
	}
	return out
}

// convert gives a v2 document as v3, once for each document. One that cannot be
// converted gives nil: the merge says so.
func (f *fetcher) convert(document *spec.Swagger) *openapimerge.Conversion {
	if document == nil {
		return nil
	}
	if known := f.last.v2.conversion; known != nil && known.Source == document {
		return known
	}
	converted, err := openapimerge.Convert(document)
	if err != nil {
		return nil
	}
	return converted
}

// document asks for an OpenAPI document, which is decoded only when its bytes
// changed. found is false when the backend has none (404).
func (f *fetcher) document(ctx context.Context, path string, decode func([]byte) (any, error)) (value any, found bool, err error) {
	known := f.pages[path]
	etag := ""
	if known != nil {
		etag = known.etag
	}
	a, err := f.get(ctx, path, runtime.ContentTypeJSON, etag, openAPIUser, openAPITimeout)
	switch {
	case err != nil:
		return nil, false, err
	case a.status == http.StatusNotFound:
		delete(f.pages, path)
		return nil, false, nil
	case a.status == http.StatusNotModified && known != nil:
		return known.value, true, nil
	case a.status != http.StatusOK:
		return nil, false, fmt.Errorf("get %s: the backend answered %d: %s", path, a.status, firstLine(a.body))
	}
	digest := sha256.Sum256(a.body)
	if known != nil && known.digest == digest {
		known.etag = a.etag
		return known.value, true, nil
	}
	value, err = decode(a.body)
	if err != nil {
		return nil, false, fmt.Errorf("get %s: the document cannot be read: %w", path, err)
	}
	f.pages[path] = &page{etag: a.etag, digest: digest, value: value}
	return value, true, nil
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body[:min(len(body), 300)])), "\n")
	return line
}
