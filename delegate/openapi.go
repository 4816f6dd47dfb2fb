package delegate

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	restful "github.com/emicklei/go-restful/v3"
	apiextensionsopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	"k8s.io/apimachinery/pkg/version"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/mux"
	aggregatoropenapi "k8s.io/kube-aggregator/pkg/generated/openapi"
	"k8s.io/kube-openapi/pkg/builder3"
	"k8s.io/kube-openapi/pkg/cached"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/common/restfuladapter"
	"k8s.io/kube-openapi/pkg/handler"
	"k8s.io/kube-openapi/pkg/handler3"
	"k8s.io/kube-openapi/pkg/spec3"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/delegate/openapi"
)

// definitions are the schemas of all served kinds under the names that a kube-apiserver gives them.
func definitions(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	out := openapi.GetOpenAPIDefinitions(ref)
	for name, d := range libraryDefinitions(ref) {
		if _, ok := out[name]; !ok {
			out[name] = d
		}
	}
	return out
}

// libraryDefinitions are those of the kinds that are served by other libraries' code, and of what these refer to.
func libraryDefinitions(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	out := apiextensionsopenapi.GetOpenAPIDefinitions(ref)
	maps.Copy(out, aggregatoropenapi.GetOpenAPIDefinitions(ref))
	maps.DeleteFunc(out, func(name string, _ common.OpenAPIDefinition) bool { return strings.Contains(name, ".v1beta1.") })
	return out
}

// documents are the OpenAPI documents, made when they are first asked for.
type documents struct {
	version  string
	services func() []service
	namer    func() *openapinamer.DefinitionNamer
	// prebuilt tells whether what is served is what the prebuilt documents are of: all that there can be, tokens of
	// ServiceAccounts and their issuer with it.
	prebuilt bool
}

func newDocuments(v *version.Info, services func() []service, prebuilt bool) *documents {
	return &documents{
		version: v.GitVersion, services: services, prebuilt: prebuilt,
		namer: sync.OnceValue(func() *openapinamer.DefinitionNamer {
			return openapinamer.NewDefinitionNamer(newExternalScheme())
		}),
	}
}

func (d *documents) info() *spec.Info {
	return &spec.Info{InfoProps: spec.InfoProps{Title: "Kubernetes", Version: strings.Split(d.version, "-")[0]}}
}

func (d *documents) config3(definitions common.GetOpenAPIDefinitions) *common.OpenAPIV3Config {
	c := genericapiserver.DefaultOpenAPIV3Config(definitions, d.namer())
	c.Info = d.info()
	c.SecuritySchemes = spec3.SecuritySchemes{bearerToken: &spec3.SecurityScheme{SecuritySchemeProps: spec3.SecuritySchemeProps{
		Type: "apiKey", Name: "authorization", In: "header", Description: bearerTokenText,
	}}}
	c.DefaultSecurity = []map[string][]string{{bearerToken: {}}}
	c.CommonResponses = map[int]*spec3.Response{
		http.StatusUnauthorized: {ResponseProps: spec3.ResponseProps{Description: unauthorizedText}},
	}
	return c
}

const (
	bearerToken     = "BearerToken"
	bearerTokenText = "Bearer Token authentication" //nolint:gosec // a description, not a token

	unauthorizedText = "Unauthorized"
)

// install serves /openapi/v2 and /openapi/v3.
func (d *documents) install(m *mux.PathRecorderMux) error {
	handler.NewOpenAPIServiceLazy(cached.Once(cached.Func(func() (*spec.Swagger, string, error) {
		s, err := d.swagger()
		return s, "", err
	}))).RegisterOpenAPIVersionedService("/openapi/v2", m)
	if err := d.v3().RegisterOpenAPIV3VersionedService("/openapi/v3", m); err != nil {
		return fmt.Errorf("serving /openapi/v3: %w", err)
	}
	return nil
}

// v3 serves the documents of the group-versions, each built from its routes when it is asked for.
func (d *documents) v3() *handler3.OpenAPIService {
	v3 := handler3.NewOpenAPIService()
	config := sync.OnceValue(func() *common.OpenAPIV3Config { return d.config3(definitions) })
	for _, one := range d.services() {
		path := strings.TrimPrefix(one.path, "/")
		v3.UpdateGroupVersionLazy(path, cached.Once(cached.Func(func() (*spec3.OpenAPI, string, error) {
			ws, err := one.describe()
			if err != nil {
				return nil, "", err
			}
			s, err := builder3.BuildOpenAPISpecFromRoutes(restfuladapter.AdaptWebServices([]*restful.WebService{ws}), ownExtensions(config()))
			if err != nil {
				return nil, "", fmt.Errorf("building OpenAPI v3 of %s: %w", path, err)
			}
			keepOwnGVKs(s, path)
			return s, "", nil
		})))
	}
	return v3
}

// ownExtensions lets several documents be built at once from one set of definitions: the builder writes
// into the definitions' extensions.
func ownExtensions(shared *common.OpenAPIV3Config) *common.OpenAPIV3Config {
	own := *shared
	own.Definitions = make(map[string]common.OpenAPIDefinition, len(shared.Definitions))
	for name, d := range shared.Definitions {
		d.Schema.Extensions = maps.Clone(d.Schema.Extensions)
		own.Definitions[name] = d
	}
	return &own
}

// keepOwnGVKs leaves, on the two types that are registered in every group, the kinds of this document's
// group version and of v1 only. Upstream: k8s.io/apiserver/pkg/server/routes/openapi.go, filterScopedGVKs.
func keepOwnGVKs(s *spec3.OpenAPI, path string) {
	parts := strings.Split(path, "/")
	var group, version string
	switch {
	case len(parts) == 2 && parts[0] == "api":
		version = parts[1]
	case len(parts) == 3 && parts[0] == "apis":
		group, version = parts[1], parts[2]
	default:
		return
	}
	if s.Components == nil {
		return
	}
	for _, name := range []string{"io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent", "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"} {
		schema := s.Components.Schemas[name]
		if schema == nil {
			continue
		}
		all, _ := schema.Extensions["x-kubernetes-group-version-kind"].([]any)
		own := slices.DeleteFunc(slices.Clone(all), func(v any) bool {
			gvk, _ := v.(map[string]any)
			return (gvk["group"] != group || gvk["version"] != version) && (gvk["group"] != "" || gvk["version"] != "v1")
		})
		if len(own) == len(all) {
			continue
		}
		// The schema is shared with the other documents: write into a copy.
		narrowed := *schema
		narrowed.Extensions = maps.Clone(schema.Extensions)
		narrowed.Extensions["x-kubernetes-group-version-kind"] = own
		s.Components.Schemas[name] = &narrowed
	}
}
