package delegate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"

	restful "github.com/emicklei/go-restful/v3"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/builder"
	"k8s.io/kube-openapi/pkg/common/restfuladapter"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/internal/golden"
)

// buildV2 builds the Swagger document from the routes, as k8s.io/apiserver does.
func buildV2(t *testing.T, s *Server) *spec.Swagger {
	t.Helper()
	c := genericapiserver.DefaultOpenAPIConfig(definitions, s.documents.namer())
	c.Info = s.documents.info()
	c.SecurityDefinitions = &spec.SecurityDefinitions{bearerToken: &spec.SecurityScheme{SecuritySchemeProps: spec.SecuritySchemeProps{
		Type: "apiKey", Name: "authorization", In: "header", Description: bearerTokenText,
	}}}
	c.DefaultSecurity = []map[string][]string{{bearerToken: {}}}
	c.CommonResponses = map[int]spec.Response{
		http.StatusUnauthorized: {ResponseProps: spec.ResponseProps{Description: unauthorizedText}},
	}
	var all []*restful.WebService
	for _, one := range s.documents.services() {
		ws, err := one.describe()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ws)
	}
	document, err := builder.BuildOpenAPISpecFromRoutes(restfuladapter.AdaptWebServices(all), c)
	if err != nil {
		t.Fatal(err)
	}
	document.Definitions = handler.PruneDefaults(document.Definitions)
	return document
}

// encodeV2 encodes a document as it is after it was decoded once: some of what is built is then in another order.
func encodeV2(t *testing.T, built *spec.Swagger) []byte {
	t.Helper()
	document := built
	for range 2 {
		data, err := document.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		document = &spec.Swagger{}
		if err := document.UnmarshalJSON(data); err != nil {
			t.Fatal(err)
		}
	}
	data, err := document.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPrebuiltOpenAPIV2(t *testing.T) {
	t.Parallel()
	golden.CompareGzip(t, "openapi/zz_generated.v2.json.gz", encodeV2(t, buildV2(t, idleServer(t, "unversioned"))))
}

func TestOpenAPIV2OfVersion(t *testing.T) {
	t.Parallel()
	s := idleServer(t, "v1.2.3-kagg")
	got, err := s.OpenAPIV2()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, encodeV2(t, buildV2(t, s))) {
		t.Error("the prebuilt document with the version is not the one that is built for the version")
	}
}

// libraryRelease is the release of Kubernetes that go.mod names.
func libraryRelease(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\s*k8s.io/apiserver v0\.(\S+)`).FindSubmatch(data)
	if found == nil {
		t.Fatal("go.mod does not name k8s.io/apiserver")
	}
	return "v1." + string(found[1])
}

func TestPrebuiltOpenAPIV3Index(t *testing.T) {
	t.Parallel()
	s := idleServer(t, libraryRelease(t)+"+kagg")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi/v3", http.NoBody))
	built := prebuiltIndex{Version: s.documents.info().Version}
	if err := json.Unmarshal(w.Body.Bytes(), &built.OpenAPIV3Discovery); err != nil {
		t.Fatal(err)
	}
	want, err := json.MarshalIndent(built, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "openapi/zz_generated.v3.json", string(want)+"\n")
}

func TestOpenAPIV3IndexOfVersion(t *testing.T) {
	t.Parallel()
	index, ok := idleServer(t, libraryRelease(t)+"+kagg").OpenAPIV3Index()
	if !ok || index.Paths["api/v1"].ServerRelativeURL == "" {
		t.Errorf("the index is not known for the libraries' own version: %v", index)
	}
	if _, ok := idleServer(t, "v1.2.3").OpenAPIV3Index(); ok {
		t.Error("the index is said to be that of a version which stands in none of its documents")
	}
}
