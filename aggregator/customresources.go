package aggregator

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/customresources"
	"github.com/kagg-project/kagg/proxy"
)

// customResources is what the aggregator keeps for the second delegate.
type customResources struct {
	server *customresources.Server
	// local is the newest state of the chain of delegates, for the control loop;
	// changed tells when there is a newer one. Both are set with the loop.
	changed   chan struct{}
	registrar *registrar
}

// newCustomResources builds the second delegate, on the storage of the first.
func (a *Aggregator) newCustomResources() error {
	a.custom = &customResources{changed: make(chan struct{}, 1), registrar: newRegistrar()}
	var err error
	a.custom.server, err = customresources.New(customresources.Config{
		Client:            a.local.ClientConfig(),
		RESTOptionsGetter: a.storage.RESTOptionsGetter(delegate.StorageCodec),
		Admission:         a.local.Admission(),
		Authorizer:        a.authz,
		ServiceResolver:   serviceResolver{a},
		OnChange: func(c *customresources.Catalog) {
			a.custom.registrar.follow(c.Served())
			poke(a.custom.changed)
		},
	})
	if err != nil {
		return fmt.Errorf("custom resources: %w", err)
	}
	return nil
}

// next is the handler behind the local APIs. They serve nobody before it exists.
func (a *Aggregator) next(w http.ResponseWriter, req *http.Request) {
	a.custom.server.ServeHTTP(w, req)
}

// serviceResolver finds the Services of webhooks by kagg's own rules.
type serviceResolver struct{ a *Aggregator }

// ResolveEndpoint implements webhook.ServiceResolver. Of several addresses it
// returns the first.
func (r serviceResolver) ResolveEndpoint(namespace, name string, port int32) (*url.URL, error) {
	source := r.a.source.Load()
	if source == nil {
		return nil, fmt.Errorf("service %s/%s is not known yet: kagg is starting", namespace, name)
	}
	resolution, err := source.registry().resolveService(proxy.Query{Namespace: namespace, Name: name, Port: port}, "")
	if failed, ok := errors.AsType[*proxy.ResolveError](err); ok {
		return nil, errors.New(failed.Explain())
	}
	if err != nil {
		return nil, err
	}
	return &url.URL{Scheme: "https", Host: resolution.Hosts[0]}, nil
}
