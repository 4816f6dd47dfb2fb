package aggregator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
)

// localBackend names the local APIs where decisions name a backend.
const localBackend = "local"

// localDelegate is the name under which the kube-aggregator merges the OpenAPI
// of its first delegate (pkg/controllers/openapi/aggregator, aggregator.go).
const localDelegate = "k8s_internal_local_delegation_chain_0000000001"

// localAPIs is what the local APIs say of themselves. Their discovery does not
// change while kagg runs; their OpenAPI is asked for when a client first wants it.
type localAPIs struct {
	discovery map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery
	openAPI   func() openapimerge.Input
}

// readLocalAPIs asks the local APIs through an in-process client.
func readLocalAPIs(ctx context.Context, config *rest.Config) (*localAPIs, error) {
	rt, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	l := &localAPIs{discovery: map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery{}}
	for _, path := range []string{"/api", "/apis"} {
		body, err := getLocal(ctx, rt, config.Host+path, discovery.AcceptV2)
		if err != nil {
			return nil, err
		}
		list := &apidiscoveryv2.APIGroupDiscoveryList{}
		if err := decodeInto(body, list); err != nil {
			return nil, fmt.Errorf("the local APIs' discovery at %s cannot be read: %w", path, err)
		}
		for gv, entry := range discoverymerge.FromAggregated(list) {
			l.discovery[gv] = &entry
		}
	}
	l.openAPI = sync.OnceValue(func() openapimerge.Input { return readLocalOpenAPI(context.WithoutCancel(ctx), rt, config.Host) })
	return l, nil
}

func readLocalOpenAPI(ctx context.Context, rt http.RoundTripper, host string) openapimerge.Input {
	in := openapimerge.Input{APIService: localDelegate, Local: true, Backend: localBackend}
	if body, err := getLocal(ctx, rt, host+"/openapi/v2", runtime.ContentTypeJSON); err != nil {
		in.V2Failure = err.Error()
	} else if in.V2, err = openapimerge.DecodeV2(body); err != nil {
		in.V2Failure = err.Error()
	} else {
		in.V2ETag = openapimerge.LocalETag(body)
	}
	if body, err := getLocal(ctx, rt, host+"/openapi/v3", runtime.ContentTypeJSON); err != nil {
		in.V3Failure = err.Error()
	} else if in.V3, err = openapimerge.DecodeV3Index(body); err != nil {
		in.V3Failure = err.Error()
	}
	return in
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
