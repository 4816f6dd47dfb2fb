package openapimerge

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// served asks a handler and returns what it answers.
func served(t *testing.T, mux http.Handler, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
	req.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	mux.ServeHTTP(recorder, req)
	if recorder.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, recorder.Code, recorder.Body)
	}
	return recorder
}

// prefixMux is what kube-openapi registers on.
type prefixMux struct{ *http.ServeMux }

func (m prefixMux) HandlePrefix(path string, h http.Handler) { m.Handle(path, h) }

func escaped(t *testing.T) *spec.Swagger {
	t.Helper()
	doc, err := DecodeV2([]byte(`{"swagger":"2.0","info":{"title":"<a> & b","version":"1"},
		"paths":{"/apis/a.example/v1/x":{"get":{"produces":["application/json"],"responses":{"200":{"description":"OK","schema":{"$ref":"#/definitions/X"}}}}}},
		"definitions":{"X":{"type":"object","default":{},"description":"a < b","properties":{"y":{"type":"string","default":""}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// The v2 JSON and its hash are byte by byte those of kube-openapi's handler.
func TestV2IsEncodedAsByKubeOpenAPI(t *testing.T) {
	t.Parallel()
	doc := escaped(t)
	mux := prefixMux{http.NewServeMux()}
	handler.NewOpenAPIService(doc).RegisterOpenAPIVersionedService("/openapi/v2", mux)

	want := served(t, mux, "/openapi/v2", "application/json")
	got := encodeV2(t, doc)
	if diff := cmp.Diff(want.Body.String(), string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if etag := `"` + Hash(got) + `"`; want.Header().Get("ETag") != etag {
		t.Errorf("ETag %s, want %s", etag, want.Header().Get("ETag"))
	}
}

// The index entry, JSON and hash of a converted document are those of kube-openapi's handler3.
func TestConvertedV3IsServedAsByKubeOpenAPI(t *testing.T) {
	t.Parallel()
	in := []Input{{APIService: "v1.a.example", Group: "a.example", Version: "v1", Backend: "ns/a:443", V2: prepare(escaped(t))}}
	result := MergeV3(in, UpstreamQuirks())
	const key = "apis/a.example/v1"
	service := handler3.NewOpenAPIService()
	document, err := result.Conversions[key].Document()
	if err != nil {
		t.Fatal(err)
	}
	service.UpdateGroupVersion(key, document)
	mux := prefixMux{http.NewServeMux()}
	if err := service.RegisterOpenAPIV3VersionedService("/openapi/v3", mux); err != nil {
		t.Fatal(err)
	}
	index, err := EncodeV3Index(result.Index)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(served(t, mux, "/openapi/v3", "application/json").Body.String(), string(index)); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
	decoded, err := DecodeV3Index(index)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(result.Index, decoded); diff != "" {
		t.Errorf("index decoded (-want +got):\n%s", diff)
	}
	url := result.Index.Paths[key].ServerRelativeURL
	want := served(t, mux, url, "application/json")
	if diff := cmp.Diff(want.Body.String(), string(result.Conversions[key].JSON)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if !strings.HasSuffix(url, "?hash="+result.Conversions[key].Hash) {
		t.Errorf("url %s does not carry hash %s", url, result.Conversions[key].Hash)
	}
}

func TestDecodeErrorsNameWhatFailed(t *testing.T) {
	t.Parallel()
	if _, err := DecodeV2([]byte("<html>")); err == nil || !strings.HasPrefix(err.Error(), "decode OpenAPI v2 document of 6 bytes: ") {
		t.Errorf("DecodeV2: %v", err)
	}
	if _, err := DecodeV3Index([]byte("<html>")); err == nil || !strings.HasPrefix(err.Error(), "decode OpenAPI v3 index of 6 bytes: ") {
		t.Errorf("DecodeV3Index: %v", err)
	}
}

// A conversion that the caller kept spares another one, unless it is of another document.
func TestMergeV3TakesTheCallersConversion(t *testing.T) {
	t.Parallel()
	doc := prepare(escaped(t))
	kept, err := Convert(doc)
	if err != nil {
		t.Fatal(err)
	}
	in := Input{APIService: "v1.a.example", Group: "a.example", Version: "v1", V2: doc, Conversion: kept}
	if got := MergeV3([]Input{in}, UpstreamQuirks()).Conversions["apis/a.example/v1"]; got != kept {
		t.Error("the caller's conversion was not taken")
	}
	in.V2 = prepare(clone(t, swagger(t, doc)))
	if got := MergeV3([]Input{in}, UpstreamQuirks()).Conversions["apis/a.example/v1"]; got == kept {
		t.Error("a conversion of another document was taken")
	}
}

// Decisions are read by programs: their keys are part of the API.
func TestDecisionJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(Decision{
		Subject: Subject{Kind: KindPath, Name: "/x"}, Rule: RulePathConflict, Outcome: "o", Winner: Party{APIService: "a", Backend: "b"},
		Losers: []Party{{APIService: "c"}}, Count: 1, Upstream: "u", Quirk: "q", Diff: "d",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"subject":{"kind":"path","name":"/x"},"rule":"path-conflict","outcome":"o","winner":{"apiService":"a","backend":"b"},` +
		`"losers":[{"apiService":"c"}],"count":1,"upstream":"u","quirk":"q","diff":"d"}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
