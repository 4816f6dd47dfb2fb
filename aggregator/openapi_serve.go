package aggregator

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/NYTimes/gziphandler"
	"github.com/munnerz/goautoneg"
	"k8s.io/klog/v2"
	"k8s.io/kube-openapi/pkg/handler"

	"github.com/kagg-project/kagg/internal/gzipchunks"
)

// encodedV2 is the merged OpenAPI v2 in its two encodings. It stands where
// kube-openapi's OpenAPIService would, which encodes the whole document again after
// each change, and answers as that does (pkg/handler, handler.go).
type encodedV2 struct {
	json     func() (v2Form, error)
	protobuf func() (v2Form, error)
}

// v2Form is the document in one encoding. Both have the ETag of the JSON.
type v2Form struct {
	*gzipchunks.Document

	etag     string
	modified time.Time
}

// newEncodedV2 encodes nothing yet. newest is what was encoded last, by documents before this one.
func newEncodedV2(merged func() mergedV2, newest *atomic.Pointer[gzipchunks.Document]) encodedV2 {
	var e encodedV2
	e.json = sync.OnceValues(func() (v2Form, error) {
		m := merged()
		if m.err != nil {
			return v2Form{}, m.err
		}
		builder := gzipchunks.NewBuilder(newest.Load())
		if err := m.result.WriteJSON(builder); err != nil {
			return v2Form{}, err
		}
		document := builder.Document()
		newest.Store(document)
		return v2Form{document, document.ETag(), time.Now()}, nil
	})
	e.protobuf = sync.OnceValues(func() (v2Form, error) {
		form, err := e.json()
		if err != nil {
			return v2Form{}, err
		}
		data, err := handler.ToProtoBinary(form.Plain())
		if err != nil {
			return v2Form{}, err
		}
		var builder gzipchunks.Builder
		_, _ = builder.Write(data) // which does not fail
		return v2Form{builder.Document(), form.etag, form.modified}, nil
	})
	return e
}

const (
	v2JSON = "json"
	// v2Protobuf names the encoding; the other one has an @, which is no part of a
	// media type, and is what old clients ask for.
	v2Protobuf           = "com.github.proto-openapi.spec.v2.v1.0+protobuf"
	v2ProtobufDeprecated = "com.github.proto-openapi.spec.v2@v1.0+protobuf"
)

// negotiated is what decides on compression, as kube-openapi has it: the writer that a request which wants it gets is
// its own. It compresses itself only what nobody did.
var negotiated = gziphandler.GzipHandler

// handler negotiates the encoding and the compression.
func (e encodedV2) handler() http.Handler {
	forms := []struct {
		subtype, answered string
		get               func() (v2Form, error)
	}{{v2JSON, v2JSON, e.json}, {v2ProtobufDeprecated, v2Protobuf, e.protobuf}, {v2Protobuf, v2Protobuf, e.protobuf}}
	return negotiated(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		accept := req.Header.Get("Accept")
		if accept == "" {
			accept = "*/*"
		}
		w.Header().Add("Vary", "Accept")
		for _, clause := range goautoneg.ParseAccept(accept) {
			for _, form := range forms {
				if (clause.Type == "application" || clause.Type == "*") && (clause.SubType == form.subtype || clause.SubType == "*") {
					serveV2Form(w, req, form.answered, form.get)
					return
				}
			}
		}
		w.WriteHeader(http.StatusNotAcceptable)
	}))
}

func serveV2Form(w http.ResponseWriter, req *http.Request, subtype string, get func() (v2Form, error)) {
	form, err := get()
	if err != nil {
		klog.ErrorS(err, "the merged OpenAPI v2 cannot be served")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/"+subtype)
	w.Header().Set("Etag", strconv.Quote(form.etag))
	content := form.Reader()
	if compresses(w) && form.Len() >= gziphandler.DefaultMinSize && req.Method == http.MethodGet && !partial(req) {
		w.Header().Set("Content-Encoding", "gzip")
		content = bytes.NewReader(form.Gzip())
	}
	http.ServeContent(w, req, "", form.modified, content)
}

// compresses tells whether negotiated would compress what is written here.
func compresses(w http.ResponseWriter) bool {
	switch w.(type) {
	case *gziphandler.GzipResponseWriter, gziphandler.GzipResponseWriterWithCloseNotify:
		return true
	}
	return false
}

// partial tells whether the answer may be another than the document or that it is not modified: a part of it, or, without
// a body, that the client's precondition fails.
func partial(req *http.Request) bool {
	return slices.ContainsFunc([]string{"Range", "If-Match", "If-Unmodified-Since"}, func(name string) bool { return req.Header.Get(name) != "" })
}
