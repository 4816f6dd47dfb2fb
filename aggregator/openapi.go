package aggregator

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/kube-openapi/pkg/cached"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/spec3"

	"github.com/kagg-project/kagg/internal/gzipchunks"
	"github.com/kagg-project/kagg/openapimerge"
)

// openAPIDocuments is the merged OpenAPI and what it is made from. The merges
// run when a document is first asked for: most changes of a backend are followed
// by no such request.
type openAPIDocuments struct {
	remote []openapimerge.Input
	local  *localAPIs
	inputs func() []openapimerge.Input
	v2     func() mergedV2
	v3     func() mergedV3
	// newest is shared by all that follow each other.
	newest *newestV2
	// serveV2 negotiates between JSON and protobuf, compresses, and answers
	// If-None-Match.
	serveV2 http.Handler
}

// newestV2 is what was merged and encoded last of documents that follow each other: much of the next is the same.
type newestV2 struct {
	merged  atomic.Pointer[openapimerge.V2Result]
	encoded atomic.Pointer[gzipchunks.Document]
}

type mergedV2 struct {
	result openapimerge.V2Result
	err    error
}

type mergedV3 struct {
	result    openapimerge.V3Result
	index     []byte
	etag      string
	converted *handler3.OpenAPIService
	err       error
}

// newOpenAPIDocuments merges nothing yet. previous is nil for the first.
func newOpenAPIDocuments(remote []openapimerge.Input, local *localAPIs, previous *openAPIDocuments) *openAPIDocuments {
	d := &openAPIDocuments{remote: remote, local: local, newest: &newestV2{}}
	if previous != nil {
		d.newest = previous.newest
	}
	d.inputs = sync.OnceValue(func() []openapimerge.Input {
		return slices.Concat(local.openAPI(), remote)
	})
	d.v2 = sync.OnceValue(func() mergedV2 {
		var earlier openapimerge.V2Result
		if before := d.newest.merged.Load(); before != nil {
			earlier = *before
		}
		result, err := openapimerge.MergeV2After(earlier, d.inputs(), openapimerge.UpstreamQuirks())
		if err == nil {
			d.newest.merged.Store(&result)
		}
		return mergedV2{result, err}
	})
	d.v3 = sync.OnceValue(func() mergedV3 { return mergeV3(d.inputs()) })
	d.serveV2 = newAnswers(newEncodedV2(d.v2, &d.newest.encoded).handler(), nil)
	return d
}

func mergeV3(inputs []openapimerge.Input) mergedV3 {
	m := mergedV3{result: openapimerge.MergeV3(inputs, openapimerge.UpstreamQuirks()), converted: handler3.NewOpenAPIService()}
	for key, conversion := range m.result.Conversions {
		m.converted.UpdateGroupVersionLazy(key, cached.Once(cached.Func(func() (*spec3.OpenAPI, string, error) {
			document, err := conversion.Document()
			return document, conversion.Hash, err
		})))
	}
	m.index, m.err = openapimerge.EncodeV3Index(m.result.Index)
	m.etag = fmt.Sprintf("%q", openapimerge.Hash(m.index))
	return m
}

// serveV3Index answers /openapi/v3.
func (d *openAPIDocuments) serveV3Index(w http.ResponseWriter, req *http.Request) {
	m := d.v3()
	if m.err != nil {
		http.Error(w, m.err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Etag", m.etag)
	http.ServeContent(w, req, "", time.Time{}, bytes.NewReader(m.index))
}

// serveV3 answers /openapi/v3/KEY, whose key is given, from whoever owns the key: a backend through
// the proxy, the local APIs, or the conversion of a backend's v2.
func (d *openAPIDocuments) serveV3(w http.ResponseWriter, req *http.Request, key string, proxied func(apiService string), local http.Handler) {
	m := d.v3()
	owner, known := m.result.Owners[key]
	switch {
	case !known:
		w.WriteHeader(http.StatusNotFound)
	case owner.Converted:
		m.converted.HandleGroupVersion(w, req)
	case owner.Local:
		d.local.serveOpenAPIV3(w, req, owner.APIService, local)
	default:
		proxied(owner.APIService)
	}
}
