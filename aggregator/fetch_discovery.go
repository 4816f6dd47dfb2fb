package aggregator

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
)

// discoveryLimits bound a discovery document. The timeout is the
// kube-aggregator's.
var discoveryLimits = limits{timeout: 5 * time.Second, size: 64 << 20}

// legacyPatience is for how long a backend that does not speak the aggregated
// form is not asked for it again, unless it goes and comes back meanwhile.
const legacyPatience = 30 * time.Second

// Who asks for discovery: as in the kube-aggregator, a member of system:masters
// asks for the aggregated document, and nobody of note for the others
// (pkg/apiserver/handler_discovery.go, fetchFreshDiscoveryForService).
var (
	discoveryUser       = identity{name: "system:kube-aggregator", groups: []string{"system:masters"}}
	legacyDiscoveryUser = identity{name: "system:kube-aggregator"}
)

var aggregatedDiscoveryGVK = schema.GroupVersionKind{Group: "apidiscovery.k8s.io", Version: "v2", Kind: "APIGroupDiscoveryList"}

// discovered is what one round of discovery gave.
type discovered struct {
	entries map[schema.GroupVersion]discoveryEntry
	// unclaimed are group-versions that the backend lists and no APIService
	// sends to it.
	unclaimed []schema.GroupVersion
}

// failed tells whether the discovery of any group-version could not be had.
func (d discovered) failed() bool {
	for _, e := range d.entries {
		if e.failure != "" {
			return true
		}
	}
	return false
}

// undiscovered is what a backend gives that cannot be asked.
func undiscovered(wanted []schema.GroupVersion, why string) discovered {
	d := discovered{entries: make(map[schema.GroupVersion]discoveryEntry, len(wanted))}
	for _, gv := range wanted {
		d.entries[gv] = discoveryEntry{form: discoverymerge.FormNone, failure: why}
	}
	return d
}

// aggregatedDocument is a backend's aggregated discovery; an unchanged one keeps
// its pointer.
type aggregatedDocument struct {
	versions map[schema.GroupVersion]apidiscoveryv2.APIVersionDiscovery
}

// discoveryFetcher fetches a backend's discovery, and remembers what it got so
// that an unchanged document is neither sent nor decoded again. It is used by one
// goroutine.
type discoveryFetcher struct {
	fetcher
	pages map[string]*page
	// legacyUntil is until when the aggregated form is not asked for: the
	// backend does not speak it.
	legacyUntil time.Time
	// claimed holds the entries picked out of document.
	document *aggregatedDocument
	claimed  map[schema.GroupVersion]discoveryEntry
}

func newDiscoveryFetcher(f fetcher) *discoveryFetcher {
	return &discoveryFetcher{fetcher: f, pages: map[string]*page{}}
}

// fetch asks for the aggregated document, and where the backend does not speak
// that form, for each group-version's own. What could not be had stands in the
// result as a failure.
func (f *discoveryFetcher) fetch(ctx context.Context, wanted []schema.GroupVersion) discovered {
	var document *aggregatedDocument
	err := errNotAggregated
	if !time.Now().Before(f.legacyUntil) {
		document, err = f.fetchAggregated(ctx)
	}
	switch {
	case errors.Is(err, errNotAggregated):
		if !time.Now().Before(f.legacyUntil) {
			f.legacyUntil = time.Now().Add(legacyPatience)
		}
		d := discovered{entries: make(map[schema.GroupVersion]discoveryEntry, len(wanted))}
		for _, gv := range wanted {
			d.entries[gv] = f.fetchLegacy(ctx, gv)
		}
		return d
	case err != nil:
		return undiscovered(wanted, err.Error())
	}
	return f.claim(document, wanted)
}

// claim picks the wanted group-versions out of an aggregated document.
func (f *discoveryFetcher) claim(document *aggregatedDocument, wanted []schema.GroupVersion) discovered {
	if f.document != document {
		f.document, f.claimed = document, map[schema.GroupVersion]discoveryEntry{}
	}
	d := discovered{entries: make(map[schema.GroupVersion]discoveryEntry, len(wanted))}
	for _, gv := range wanted {
		e, known := f.claimed[gv]
		if !known {
			e.form = discoverymerge.FormAggregated
			if listed, ok := document.versions[gv]; ok {
				e.entry = &listed
			}
			f.claimed[gv] = e
		}
		d.entries[gv] = e
	}
	for gv := range document.versions {
		if _, ok := d.entries[gv]; !ok {
			d.unclaimed = append(d.unclaimed, gv)
		}
	}
	slices.SortFunc(d.unclaimed, compareGroupVersions)
	return d
}

var errNotAggregated = errors.New("no aggregated discovery")

func (f *discoveryFetcher) fetchAggregated(ctx context.Context) (*aggregatedDocument, error) {
	const path = "/apis"
	known := f.pages[path]
	etag := ""
	if known != nil {
		etag = known.etag
	}
	a, err := f.get(ctx, path, discovery.AcceptV2, etag, discoveryUser, discoveryLimits)
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
		known.etag = a.etag
		return known.value.(*aggregatedDocument), nil
	}
	versions, err := discoverymerge.DecodeAggregated(a.body)
	if err != nil {
		return nil, fmt.Errorf("get /apis: %w", err)
	}
	document := &aggregatedDocument{versions: versions}
	f.pages[path] = &page{etag: a.etag, digest: digest, value: document}
	return document, nil
}

func (f *discoveryFetcher) fetchLegacy(ctx context.Context, gv schema.GroupVersion) discoveryEntry {
	path := availability.Path(gv.Group, gv.Version)
	failed := func(err error) discoveryEntry {
		return discoveryEntry{form: discoverymerge.FormLegacy, failure: err.Error()}
	}
	a, err := f.get(ctx, path, runtime.ContentTypeJSON, "", legacyDiscoveryUser, discoveryLimits)
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
	entry, err := discoverymerge.DecodeLegacy(gv, a.body)
	if err != nil {
		return failed(fmt.Errorf("get %s: %w", path, err))
	}
	e := discoveryEntry{form: discoverymerge.FormLegacy, entry: entry}
	f.pages[path] = &page{digest: digest, value: e}
	return e
}
