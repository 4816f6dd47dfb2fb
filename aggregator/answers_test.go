package aggregator

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"pgregory.net/rapid"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
)

// manyGroups is discovery above the size from which answers are compressed.
func manyGroups(groups int) []discoverymerge.Input {
	var inputs []discoverymerge.Input
	for i := range groups {
		entry := &apidiscoveryv2.APIVersionDiscovery{Version: "v1"}
		for r := range 20 {
			entry.Resources = append(entry.Resources, apidiscoveryv2.APIResourceDiscovery{
				Resource: fmt.Sprintf("things%ds", r), SingularResource: fmt.Sprintf("things%d", r), Scope: apidiscoveryv2.ScopeNamespace,
				ResponseKind: &metav1.GroupVersionKind{Kind: fmt.Sprintf("Thing%d", r)}, Verbs: []string{"create", "delete", "get", "list", "patch", "update", "watch"},
			})
		}
		group := fmt.Sprintf("g%03d.example.com", i)
		inputs = append(inputs, discoverymerge.Input{
			APIService: "v1." + group, Group: group, Version: "v1", GroupPriorityMinimum: 1000, VersionPriority: 15,
			Backend: "default/b:443", Form: discoverymerge.FormAggregated, Entry: entry,
		})
	}
	return inputs
}

// largeOpenAPI is a document of some paths, each with a definition.
func largeOpenAPI(tb testing.TB, paths int) *openAPIDocuments {
	tb.Helper()
	document := &spec.Swagger{SwaggerProps: spec.SwaggerProps{
		Swagger: "2.0", Info: &spec.Info{InfoProps: spec.InfoProps{Title: "large", Version: "v1"}}, Paths: &spec.Paths{Paths: map[string]spec.PathItem{}},
	}}
	for i := range paths {
		operation := &spec.Operation{OperationProps: spec.OperationProps{ID: fmt.Sprintf("get%d", i), Description: strings.Repeat("what it does ", 10)}}
		document.Paths.Paths[fmt.Sprintf("/apis/example.com/v1/things%d", i)] = spec.PathItem{PathItemProps: spec.PathItemProps{Get: operation}}
	}
	data, err := openapimerge.EncodeV2JSON(document)
	if err != nil {
		tb.Fatal(err)
	}
	read, err := openapimerge.ReadDocument(data)
	if err != nil {
		tb.Fatal(err)
	}
	return newOpenAPIDocuments([]openapimerge.Input{{
		APIService: "v1.example.com", Group: "example.com", Version: "v1", GroupPriorityMinimum: 1000, VersionPriority: 15, Backend: "default/b:443", V2: read,
	}}, noLocalAPIs(), nil)
}

// Whatever a client asks for and in whatever order clients come, the answer is the
// library's own, its headers included.
func TestAnswersAreTheLibrarys(t *testing.T) {
	t.Parallel()
	discovery, openAPI := newDiscoveryDocument(manyGroups(50)), largeOpenAPI(t, 100)
	v2, ok := openAPI.serveV2.(*answers)
	if !ok {
		t.Fatal("/openapi/v2 is not kept")
	}
	kept := []*answers{discovery.answers, discovery.groups, v2}
	etags := []string{fmt.Sprintf("%q", discovery.etag()), "", answerOf(v2.library, newRequest("application/json", "")).Header().Get("Etag")}
	wanted := make([]map[string]*httptest.ResponseRecorder, len(kept))
	for i := range wanted {
		wanted[i] = map[string]*httptest.ResponseRecorder{}
	}
	rapid.Check(t, func(rt *rapid.T) {
		which := rapid.IntRange(0, len(kept)-1).Draw(rt, "which")
		// New ones, so that another request is the first each time.
		a := newAnswers(kept[which].library, kept[which].varies)
		for range 30 {
			req := drawRequest(rt, etags[which])
			key := fmt.Sprint(req.URL, req.Header)
			want := wanted[which][key]
			if want == nil {
				want = answerOf(a.library, req)
				wanted[which][key] = want
			}
			got := answerOf(a, req)
			if diff := cmp.Diff(want.Header(), got.Header()); want.Code != got.Code || diff != "" || want.Body.String() != got.Body.String() {
				rt.Fatalf("%v: %d and %d, headers:\n%s", req.Header, want.Code, got.Code, diff)
			}
		}
		if len(a.known) > answersKept {
			rt.Fatalf("%d are kept", len(a.known))
		}
	})
}

func drawRequest(rt *rapid.T, etag string) *http.Request {
	req := newRequest(rapid.SampledFrom([]string{
		"", "*/*", "application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
		"application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json", "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
		"application/json;q=0.5,application/vnd.kubernetes.protobuf", "application/json;q=0.5,application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
		"application/cbor;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "text/html", "nonsense",
	}).Draw(rt, "accept"), rapid.SampledFrom([]string{"", "gzip", "gzip, deflate, br", "identity", "gzip;q=0"}).Draw(rt, "encoding"))
	if rapid.IntRange(0, 3).Draw(rt, "lines") == 0 {
		for _, name := range []string{"Accept", "Accept-Encoding"} {
			req.Header[name] = strings.Split(req.Header.Get(name), ",")
		}
	}
	req.Header.Set("User-Agent", rapid.SampledFrom([]string{"curl/8", "kubectl"}).Draw(rt, "agent"))
	if rapid.IntRange(0, 9).Draw(rt, "unusual") == 0 {
		req.URL.RawQuery = rapid.SampledFrom([]string{"pretty=true", "pretty=0"}).Draw(rt, "query")
	}
	if rapid.IntRange(0, 3).Draw(rt, "conditional") == 0 {
		req.Header.Set("If-None-Match", rapid.SampledFrom([]string{etag, `"other"`, "*", "W/" + etag, `"a", ` + etag}).Draw(rt, "etag"))
	}
	if rapid.IntRange(0, 9).Draw(rt, "part") == 0 {
		req.Header.Set("Range", "bytes=0-9")
	}
	return req
}

func newRequest(accept, encoding string) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if encoding != "" {
		req.Header.Set("Accept-Encoding", encoding)
	}
	return req
}

func answerOf(h http.Handler, req *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req.Clone(req.Context()))
	return w
}

// Each form is encoded once, and forms that come to the same bytes share them.
func TestAnswersAreKept(t *testing.T) {
	t.Parallel()
	asked := 0
	a := newAnswers(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		asked++
		if strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
			zipped := gzip.NewWriter(w)
			_, _ = zipped.Write([]byte("text"))
			_ = zipped.Close()
			return
		}
		_, _ = w.Write([]byte("text"))
	}), nil)
	for range 3 {
		for _, accept := range []string{"a", "b"} {
			for _, encoding := range []string{"", "gzip"} {
				answerOf(a, newRequest(accept, encoding))
			}
		}
	}
	if asked != 4 {
		t.Errorf("the library was asked %d times for 4 forms", asked)
	}
	var bodies []*byte
	for _, k := range a.known {
		bodies = append(bodies, &k.whole.answer.Load().body[0])
	}
	slices.SortFunc(bodies, func(a, b *byte) int { return strings.Compare(fmt.Sprintf("%p", a), fmt.Sprintf("%p", b)) })
	if n := len(slices.Compact(bodies)); n != 2 {
		t.Errorf("%d bodies are kept, not 2", n)
	}
}

// Answers are kept behind the whole chain too, which puts an audit's context into every request, and for the query
// that kubectl sends; not where a policy wants them as objects.
func TestAnswersAreKeptBehindTheChain(t *testing.T) {
	t.Parallel()
	const policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: %s}]\n"
	plain, audited, recorded := plainChain(t), plainChain(t), plainChain(t)
	audited.audit = startAuditing(t, filepath.Join(t.TempDir(), "audit.log"), fmt.Sprintf(policy, "Metadata"))
	recorded.audit = startAuditing(t, filepath.Join(t.TempDir(), "audit.log"), fmt.Sprintf(policy, "RequestResponse"))
	for _, tt := range []struct {
		name  string
		chain chain
		want  int
	}{{"no policy", plain, 1}, {"metadata", audited, 1}, {"whole answers", recorded, 3}} {
		asked := 0
		h := tt.chain.handler(newAnswers(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(http.StatusOK)
		}), nil))
		for range 3 {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis?timeout=32s", http.NoBody))
		}
		if asked != tt.want {
			t.Errorf("%s: the library was asked %d times, want %d", tt.name, asked, tt.want)
		}
	}
}
