package orchard

import (
	"net/http"
	"sync"

	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

// gate holds requests until the front-proxy CA has been read from the
// kube-apiserver in front. A GenericAPIServer begins to read it when it begins to
// serve, so that without the gate the first requests would come from nobody: the
// aggregator's first probe would be answered with 403, and the next comes up to
// half a minute later.
type gate struct {
	ca   dynamiccertificates.CAContentProvider
	open chan struct{}
	once sync.Once
}

// addGate puts a gate in front of config's handler chain. Delegated authentication
// must have been set up.
func addGate(config *server.Config) {
	g := &gate{ca: config.Authentication.RequestHeaderConfig.CAContentProvider, open: make(chan struct{})}
	g.ca.AddListener(g)
	g.Enqueue()
	build := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(apiHandler http.Handler, c *server.Config) http.Handler {
		return g.wrap(build(apiHandler, c))
	}
}

// Enqueue is called when the CA has changed.
func (g *gate) Enqueue() {
	if _, ok := g.ca.VerifyOptions(); ok {
		g.once.Do(func() { close(g.open) })
	}
}

func (g *gate) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-g.open:
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}
