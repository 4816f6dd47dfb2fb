package aggregator

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/NYTimes/gziphandler"
	"github.com/munnerz/goautoneg"
	"k8s.io/klog/v2"
	"k8s.io/kube-openapi/pkg/handler"

	"github.com/kagg-project/kagg/openapimerge"
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
	data     []byte
	etag     string
	modified time.Time
}

func newEncodedV2(merged func() mergedV2) encodedV2 {
	var e encodedV2
	e.json = sync.OnceValues(func() (v2Form, error) {
		m := merged()
		if m.err != nil {
			return v2Form{}, m.err
		}
		data, err := m.result.JSON()
		if err != nil {
			return v2Form{}, err
		}
		return v2Form{data, openapimerge.Hash(data), time.Now()}, nil
	})
	e.protobuf = sync.OnceValues(func() (v2Form, error) {
		form, err := e.json()
		if err == nil {
			form.data, err = handler.ToProtoBinary(form.data)
		}
		return form, err
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

// compressed is what negotiates the compression. Clients are near, so that a document which changed is compressed at
// the library's fastest level: its own takes three times as long.
var compressed = gziphandler.MustNewGzipLevelHandler(gzip.BestSpeed)

// handler negotiates the encoding and the compression.
func (e encodedV2) handler() http.Handler {
	forms := []struct {
		subtype, answered string
		get               func() (v2Form, error)
	}{{v2JSON, v2JSON, e.json}, {v2ProtobufDeprecated, v2Protobuf, e.protobuf}, {v2Protobuf, v2Protobuf, e.protobuf}}
	return compressed(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
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
	http.ServeContent(w, req, "", form.modified, bytes.NewReader(form.data))
}
