package delegate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"

	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/internal/golden"
)

// builtV2 is the document that is built from the routes.
func builtV2(t *testing.T, s *Server) []byte {
	t.Helper()
	document, err := s.documents.buildV2()
	if err != nil {
		t.Fatal(err)
	}
	data, err := encodeV2(document)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPrebuiltOpenAPIV2(t *testing.T) {
	t.Parallel()
	data := builtV2(t, serverWith(t, "unversioned", "https://kubernetes.default.svc"))
	golden.CompareGzip(t, "openapi/zz_generated.v2.json.gz", data)
	// Who puts a merged document together from parts of it takes them as they are.
	again := &spec.Swagger{}
	if err := again.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	if encoded, err := again.MarshalJSON(); err != nil || !bytes.Equal(data, encoded) {
		t.Errorf("the document changes when it is decoded and encoded: %v", err)
	}
}

// What is served depends on the version, and on whether there are tokens and what their issuer is.
func TestOpenAPIV2OfConfigurations(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{"https://kubernetes.default.svc", "https://issuer.example/path", "plain", ""} {
		s := serverWith(t, "v1.2.3-kagg", issuer)
		got, err := s.OpenAPIV2()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, builtV2(t, s)) {
			t.Errorf("with the issuer %q the document is not the one that is built", issuer)
		}
		if has := bytes.Contains(got, []byte(`serviceaccounts/{name}/token"`)); has != (issuer != "") {
			t.Errorf("with the issuer %q there is a path for tokens: %t", issuer, has)
		}
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
	s := serverWith(t, libraryRelease(t)+"+kagg", "https://kubernetes.default.svc")
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
	index, ok := serverWith(t, libraryRelease(t)+"+kagg", "https://kubernetes.default.svc").OpenAPIV3Index()
	if !ok || index.Paths["api/v1"].ServerRelativeURL == "" {
		t.Errorf("the index is not known for the libraries' own version: %v", index)
	}
	if _, ok := serverWith(t, "v1.2.3", "https://kubernetes.default.svc").OpenAPIV3Index(); ok {
		t.Error("the index is said to be that of a version which stands in none of its documents")
	}
	for _, issuer := range []string{"plain", ""} {
		if _, ok := serverWith(t, libraryRelease(t)+"+kagg", issuer).OpenAPIV3Index(); ok {
			t.Errorf("with the issuer %q the index is said to be that of a server that has more", issuer)
		}
	}
}
