package serviceaccount

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	restful "github.com/emicklei/go-restful/v3"
	"github.com/go-jose/go-jose/v4"
	"k8s.io/klog/v2"
)

const (
	// ConfigurationPath is where the OpenID Connect discovery document of the issuer is served.
	ConfigurationPath = "/.well-known/openid-configuration"
	// KeysPath is where the public keys are served.
	KeysPath = "/openid/v1/jwks"

	keysType     = "application/jwk-set+json"
	cacheControl = "public, max-age=3600"
)

// configuration is the discovery document: what who verifies tokens needs, and no more.
type configuration struct {
	Issuer        string   `json:"issuer"`
	JWKSURI       string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	SigningAlgs   []string `json:"id_token_signing_alg_values_supported"`
}

// WebServices serve the discovery document and the keys, for others to verify tokens with; address is
// the server's own, as host:port. An issuer that is no https URL has neither, which is an error that says
// so. It follows pkg/serviceaccount/openidmetadata.go and pkg/routes/openidmetadata.go.
func (t *Tokens) WebServices(address string) ([]*restful.WebService, error) {
	issuer := t.config.Issuers[0]
	if err := checkIssuerURL(issuer); err != nil {
		return nil, err
	}
	keysURI := t.config.JWKSURI
	if keysURI == "" {
		keysURI = (&url.URL{Scheme: "https", Host: address, Path: KeysPath}).String()
	}
	algs := map[string]bool{}
	for i := range t.keys.all {
		algs[t.keys.all[i].Algorithm] = true
	}
	discovery, err := json.Marshal(configuration{
		Issuer: issuer, JWKSURI: keysURI, ResponseTypes: []string{"id_token"}, SubjectTypes: []string{"public"},
		SigningAlgs: slices.Sorted(maps.Keys(algs)),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the discovery document of the ServiceAccount issuer: %w", err)
	}
	keySet, err := json.Marshal(jose.JSONWebKeySet{Keys: t.keys.all})
	if err != nil {
		return nil, fmt.Errorf("encoding the keys of the ServiceAccount issuer: %w", err)
	}
	return []*restful.WebService{
		document(ConfigurationPath, restful.MIME_JSON, discovery, "getServiceAccountIssuerOpenIDConfiguration",
			"get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'"),
		document(KeysPath, keysType, keySet, "getServiceAccountIssuerOpenIDKeyset",
			"get service account issuer OpenID JSON Web Key Set (contains public token verification keys)"),
	}, nil
}

func checkIssuerURL(issuer string) error {
	u, err := url.Parse(issuer)
	switch {
	case err != nil:
		return err
	case u.Scheme != "https":
		return fmt.Errorf("issuer URL must use https scheme, got: %s", issuer)
	case u.RawQuery != "":
		return fmt.Errorf("issuer URL may not include a query, got: %s", issuer)
	case u.Fragment != "":
		return fmt.Errorf("issuer URL may not include a fragment, got: %s", issuer)
	default:
		return nil
	}
}

func document(path, contentType string, content []byte, operation, text string) *restful.WebService {
	ws := new(restful.WebService).Produces(contentType)
	ws.Path(path).Route(ws.GET("").Doc(text).Operation(operation).Returns(http.StatusOK, "OK", "").
		To(func(_ *restful.Request, resp *restful.Response) {
			resp.Header().Set("Content-Type", contentType)
			resp.Header().Set("Cache-Control", cacheControl)
			if _, err := resp.ResponseWriter.Write(content); err != nil {
				klog.V(4).InfoS("The client of a document of the ServiceAccount issuer is gone", "path", path, "err", err)
			}
		}))
	return ws
}
