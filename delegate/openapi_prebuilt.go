package delegate

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the documents
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	restful "github.com/emicklei/go-restful/v3"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kube-openapi/pkg/builder"
	"k8s.io/kube-openapi/pkg/common/restfuladapter"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// What the local APIs are is settled when kagg is built, but for the tokens of ServiceAccounts, and so are their
// documents: to build them from the routes takes longer than the rest of a start. A test builds them so and holds these
// to it, and writes them: see openapi/doc.go.
var (
	// prebuiltV2 is the Swagger document as JSON, sorted as kube-openapi encodes it, of no version.
	//go:embed openapi/zz_generated.v2.json.gz
	prebuiltV2 []byte
	//go:embed openapi/zz_generated.v3.json
	prebuiltV3 []byte
)

// prebuiltInfo stands in prebuiltV2 where the title and the version of the API go.
var prebuiltInfo = []byte(`"info":{"title":"Kubernetes","version":"unversioned"}`)

// prebuiltIndex is the content of prebuiltV3: the hashes of documents in which the version stands.
type prebuiltIndex struct {
	Version string `json:"version"`
	handler3.OpenAPIV3Discovery
}

// OpenAPIV2 returns the Swagger document of the local APIs as JSON, sorted as kube-openapi encodes it, anew for each
// call. The error is that of a damaged build, or the builder's where it is not known in advance.
func (s *Server) OpenAPIV2() ([]byte, error) { return s.documents.v2() }

// OpenAPIV3Index returns what /openapi/v3 answers, if that is known without building every document, which it is
// where Config.Version is that of this build's own libraries, and Config.ServiceAccounts has an issuer that is served.
func (s *Server) OpenAPIV3Index() (*handler3.OpenAPIV3Discovery, bool) {
	if !s.documents.prebuilt {
		return nil, false
	}
	var index prebuiltIndex
	if err := json.Unmarshal(prebuiltV3, &index); err != nil || index.Version != s.documents.info().Version {
		return nil, false
	}
	return &index.OpenAPIV3Discovery, true
}

// v2 is the whole Swagger document as JSON.
func (d *documents) v2() ([]byte, error) {
	if !d.prebuilt {
		document, err := d.buildV2()
		if err != nil {
			return nil, err
		}
		return encodeV2(document)
	}
	r, err := gzip.NewReader(bytes.NewReader(prebuiltV2))
	if err != nil {
		return nil, fmt.Errorf("the prebuilt OpenAPI v2: %w", err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("the prebuilt OpenAPI v2: %w", err)
	}
	info, err := json.Marshal(d.info())
	if err != nil {
		return nil, fmt.Errorf("the prebuilt OpenAPI v2: %w", err)
	}
	before, after, ok := bytes.Cut(data, prebuiltInfo)
	if !ok {
		return nil, fmt.Errorf("the prebuilt OpenAPI v2 does not have %s", prebuiltInfo)
	}
	return slices.Concat(before, []byte(`"info":`), info, after), nil
}

// swagger is the same, decoded.
func (d *documents) swagger() (*spec.Swagger, error) {
	data, err := d.v2()
	if err != nil {
		return nil, err
	}
	s := &spec.Swagger{}
	return s, s.UnmarshalJSON(data)
}

// buildV2 builds the document from the routes, as k8s.io/apiserver does.
func (d *documents) buildV2() (*spec.Swagger, error) {
	c := genericapiserver.DefaultOpenAPIConfig(definitions, d.namer())
	c.Info = d.info()
	c.SecurityDefinitions = &spec.SecurityDefinitions{bearerToken: &spec.SecurityScheme{SecuritySchemeProps: spec.SecuritySchemeProps{
		Type: "apiKey", Name: "authorization", In: "header", Description: bearerTokenText,
	}}}
	c.DefaultSecurity = []map[string][]string{{bearerToken: {}}}
	c.CommonResponses = map[int]spec.Response{
		http.StatusUnauthorized: {ResponseProps: spec.ResponseProps{Description: unauthorizedText}},
	}
	var all []*restful.WebService
	for _, one := range d.services() {
		ws, err := one.describe()
		if err != nil {
			return nil, err
		}
		all = append(all, ws)
	}
	document, err := builder.BuildOpenAPISpecFromRoutes(restfuladapter.AdaptWebServices(all), c)
	if err != nil {
		return nil, fmt.Errorf("building OpenAPI v2 of the local APIs: %w", err)
	}
	document.Definitions = handler.PruneDefaults(document.Definitions)
	return document, nil
}

// encodeV2 encodes a document as it is after it was decoded: some of what is built is then in another order.
func encodeV2(document *spec.Swagger) ([]byte, error) {
	data, err := document.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encoding OpenAPI v2 of the local APIs: %w", err)
	}
	decoded := &spec.Swagger{}
	if err := decoded.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("encoding OpenAPI v2 of the local APIs: %w", err)
	}
	return decoded.MarshalJSON()
}
