package aggregator

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/cached"
	"k8s.io/kube-openapi/pkg/handler"
	"pgregory.net/rapid"

	"github.com/kagg-project/kagg/internal/gzipchunks"
)

// singlePath keeps the one handler that kube-openapi registers.
type singlePath struct{ http.Handler }

func (s *singlePath) Handle(_ string, h http.Handler) { s.Handler = h }

// Whatever a client asks /openapi/v2 for, it is answered as by kube-openapi's own
// service; only when the document was made is another moment, and its ETag, of the
// same form, is computed otherwise.
func TestOpenAPIV2IsServedAsByTheLibrary(t *testing.T) {
	t.Parallel()
	documents := largeOpenAPI(t, 100)
	result := documents.v2().result
	document, err := result.Document()
	if err != nil {
		t.Fatal(err)
	}
	library := &singlePath{}
	handler.NewOpenAPIServiceLazy(cached.Static(document, result.ETag)).RegisterOpenAPIVersionedService("/openapi/v2", library)
	own := newEncodedV2(documents.v2, &atomic.Pointer[gzipchunks.Document]{}).handler()
	libraryETag := answerOf(library, newRequest("application/json", "")).Header().Get("Etag")
	etag := answerOf(own, newRequest("application/json", "")).Header().Get("Etag")
	if len(etag) != len(libraryETag) || len(etag) == 0 {
		t.Fatalf("the ETag is %s, that of the library %s", etag, libraryETag)
	}
	rapid.Check(t, func(rt *rapid.T) {
		req := drawRequest(rt, etag)
		req.Method = rapid.SampledFrom([]string{http.MethodGet, http.MethodGet, http.MethodHead}).Draw(rt, "method")
		if rapid.IntRange(0, 3).Draw(rt, "precondition") == 0 {
			name := rapid.SampledFrom([]string{"If-Match", "If-Unmodified-Since"}).Draw(rt, "of")
			req.Header.Set(name, rapid.SampledFrom([]string{`"other"`, "*", "Mon, 01 Jan 2001 00:00:00 GMT", "Sat, 01 Jan 2050 00:00:00 GMT"}).Draw(rt, name))
		}
		asked := req.Clone(t.Context())
		for i, condition := range asked.Header["If-None-Match"] {
			asked.Header["If-None-Match"][i] = strings.ReplaceAll(condition, etag, libraryETag)
		}
		want, got := answerOf(library, asked), answerOf(own, req)
		if want.Header().Get("Etag") == libraryETag {
			want.Header().Set("Etag", etag)
		}
		for _, h := range []http.Header{want.Header(), got.Header()} {
			if h.Get("Last-Modified") != "" {
				h.Set("Last-Modified", "some time")
			}
		}
		if diff := cmp.Diff(want.Header(), got.Header()); want.Code != got.Code || diff != "" || uncompressed(rt, want) != uncompressed(rt, got) {
			rt.Fatalf("%s %v: %d and %d, headers:\n%s", req.Method, req.Header, want.Code, got.Code, diff)
		}
	})
}

// uncompressed is the body: how it is compressed is not the client's business.
func uncompressed(t rapid.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Header().Get("Content-Encoding") != "gzip" {
		return w.Body.String()
	}
	r, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
