package aggregator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/customresources"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/internal/inprocess"
	"github.com/kagg-project/kagg/openapimerge"
)

// localBackend names the local APIs where decisions name a backend.
const localBackend = "local"

// localDelegate and customDelegate are the names under which the kube-aggregator
// merges the OpenAPI of its delegates (pkg/controllers/openapi/aggregator,
// aggregator.go).
const (
	localDelegate  = "k8s_internal_local_delegation_chain_0000000001"
	customDelegate = "k8s_internal_local_delegation_chain_0000000002"
)

// localAPIs is what the chain of delegates says of itself at one moment: the
// local APIs, which stay as they are while kagg runs, and what
// CustomResourceDefinitions define. It is immutable, and replaced when a definition
// changes something; OpenAPI documents are made when a client first wants one.
type localAPIs struct {
	builtin map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery
	custom  map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery
	// served are the group-versions of definitions, established or not.
	served  []schema.GroupVersion
	openAPI func() []openapimerge.Input
	// serveCustomV3 answers /openapi/v3/KEY for the keys of definitions.
	serveCustomV3 http.HandlerFunc
}

// builtinAPIs is what the local APIs say of themselves.
type builtinAPIs struct {
	discovery map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery
	openAPI   func() openapimerge.Input
}

// readBuiltinAPIs asks the local APIs through an in-process client.
func readBuiltinAPIs(ctx context.Context, server *delegate.Server) (*builtinAPIs, error) {
	config := server.ClientConfig()
	rt, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	b := &builtinAPIs{discovery: map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery{}}
	for _, path := range []string{"/api", "/apis"} {
		body, err := getLocal(ctx, rt, config.Host+path, discovery.AcceptV2)
		if err != nil {
			return nil, err
		}
		entries, err := discoverymerge.DecodeAggregated(body)
		if err != nil {
			return nil, fmt.Errorf("the local APIs at %s: %w", path, err)
		}
		for gv, entry := range entries {
			b.discovery[gv] = &entry
		}
	}
	b.openAPI = sync.OnceValue(func() openapimerge.Input {
		return readBuiltinOpenAPI(context.WithoutCancel(ctx), server, rt, config.Host)
	})
	return b, nil
}

// newLocalAPIs joins the local APIs and a catalog.
func newLocalAPIs(builtin *builtinAPIs, custom *customresources.Catalog) *localAPIs {
	return &localAPIs{
		builtin: builtin.discovery, custom: custom.Discovery(), served: custom.Served(), serveCustomV3: custom.ServeOpenAPIV3,
		openAPI: sync.OnceValue(func() []openapimerge.Input {
			inputs := []openapimerge.Input{builtin.openAPI()}
			if custom.HasOpenAPI() {
				inputs = append(inputs, readCustomOpenAPI(custom))
			}
			return inputs
		}),
	}
}

// entry returns what a local group-version is listed with and where it comes
// from; nil when there is none. What the local APIs have hides a definition's.
func (l *localAPIs) entry(gv schema.GroupVersion) (*apidiscoveryv2.APIVersionDiscovery, discoverymerge.Source) {
	if entry := l.builtin[gv]; entry != nil {
		return entry, discoverymerge.SourceBuiltin
	}
	return l.custom[gv], discoverymerge.SourceCRD
}

// has tells whether the group-version is served locally.
func (l *localAPIs) has(gv schema.GroupVersion) bool {
	entry, _ := l.entry(gv)
	return entry != nil
}

// expects tells whether the group-version is served locally, or is of a definition
// that is not established, or not yet: its conditions say why.
func (l *localAPIs) expects(gv schema.GroupVersion) bool {
	return l.has(gv) || slices.Contains(l.served, gv)
}

// groupVersions returns all local group-versions.
func (l *localAPIs) groupVersions() map[schema.GroupVersion]bool {
	all := map[schema.GroupVersion]bool{}
	for gv := range l.builtin {
		all[gv] = true
	}
	for gv := range l.custom {
		all[gv] = true
	}
	return all
}

// serveOpenAPIV3 answers /openapi/v3/KEY for the delegate that owns the key.
func (l *localAPIs) serveOpenAPIV3(w http.ResponseWriter, req *http.Request, delegate string, builtin http.Handler) {
	if delegate == customDelegate {
		l.serveCustomV3(w, req)
		return
	}
	builtin.ServeHTTP(w, req)
}

func readBuiltinOpenAPI(ctx context.Context, server *delegate.Server, rt http.RoundTripper, host string) openapimerge.Input {
	in := openapimerge.Input{APIService: localDelegate, Local: true, Backend: localBackend}
	if err := readBuiltinOpenAPIV2(server, &in); err != nil {
		in.V2Failure = err.Error()
	}
	if index, ok := server.OpenAPIV3Index(); ok {
		in.V3 = index
		return in
	}
	readOpenAPIV3(ctx, rt, host, &in)
	return in
}

func readBuiltinOpenAPIV2(server *delegate.Server, in *openapimerge.Input) error {
	body, err := server.OpenAPIV2()
	if err != nil {
		return err
	}
	in.V2, err = openapimerge.ReadEncodedDocument(body)
	in.V2ETag = openapimerge.LocalETag(body)
	return err
}

// customResourcesHost stands for the second delegate, which is asked in process.
const customResourcesHost = "http://custom-resources.invalid"

func readCustomOpenAPI(custom *customresources.Catalog) openapimerge.Input {
	in := openapimerge.Input{APIService: customDelegate, Local: true, Backend: localBackend}
	var err error
	if in.V2, in.V2ETag, err = customOpenAPIV2(custom); err != nil {
		in.V2, in.V2Failure = nil, err.Error()
	}
	rt := inprocess.RoundTripper(http.HandlerFunc(custom.ServeOpenAPIV3))
	readOpenAPIV3(context.Background(), rt, customResourcesHost, &in)
	return in
}

// customOpenAPIV2 goes by way of JSON, as the kube-aggregator does: what is built in
// process has extensions whose fields are in another order than a client expects.
func customOpenAPIV2(custom *customresources.Catalog) (*openapimerge.Document, string, error) {
	document, etag, err := custom.OpenAPIV2()
	if err != nil {
		return nil, "", err
	}
	data, err := openapimerge.EncodeV2JSON(document)
	if err != nil {
		return nil, "", err
	}
	read, err := openapimerge.ReadDocument(data)
	return read, etag, err
}

func readOpenAPIV3(ctx context.Context, rt http.RoundTripper, host string, in *openapimerge.Input) {
	if body, err := getLocal(ctx, rt, host+"/openapi/v3", runtime.ContentTypeJSON); err != nil {
		in.V3Failure = err.Error()
	} else if in.V3, err = openapimerge.DecodeV3Index(body); err != nil {
		in.V3Failure = err.Error()
	}
}

func getLocal(ctx context.Context, rt http.RoundTripper, target, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("get %s from the local APIs: %w", target, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("get %s from the local APIs: %w", target, err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s from the local APIs: %d: %s", target, resp.StatusCode, firstLine(body))
	}
	return body, nil
}

// newLocalState returns what gives the newest state of the chain. It is for one
// goroutine.
func newLocalState(builtin *builtinAPIs, catalog func() *customresources.Catalog) func() *localAPIs {
	var newest *localAPIs
	var of *customresources.Catalog
	return func() *localAPIs {
		if now := catalog(); newest == nil || of != now {
			newest, of = newLocalAPIs(builtin, now), now
		}
		return newest
	}
}
