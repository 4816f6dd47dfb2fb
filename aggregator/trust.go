package aggregator

import (
	"context"
	"fmt"
	"os"

	"k8s.io/apiserver/pkg/server/dynamiccertificates"

	"github.com/kagg-project/kagg/internal/pki"
)

// listenerFunc makes a function a dynamiccertificates.Listener.
type listenerFunc func()

// Enqueue calls the function.
func (f listenerFunc) Enqueue() { f() }

// trustFiles follows the files that the trust between kagg and the backends is
// made of.
type trustFiles struct {
	cert    *dynamiccertificates.DynamicCertKeyPairContent
	roots   []byte
	changed chan struct{}
}

func newTrustFiles(c *Config, state *pki.State) (*trustFiles, error) {
	certFile, keyFile := c.ProxyClientCertFile, c.ProxyClientKeyFile
	if certFile == "" {
		certFile, keyFile = state.FrontProxyClient.CertFile, state.FrontProxyClient.KeyFile
	}
	cert, err := dynamiccertificates.NewDynamicServingContentFromFiles("proxy-client-cert", certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("front-proxy client certificate: %w", err)
	}
	roots, err := os.ReadFile(state.ClusterCA.CertFile)
	if err != nil {
		return nil, err
	}
	return &trustFiles{cert: cert, roots: roots, changed: make(chan struct{}, 1)}, nil
}

// current returns the newest content of the files.
func (t *trustFiles) current() trust {
	cert, key := t.cert.CurrentCertKeyContent()
	return trust{clientCert: cert, clientKey: key, roots: t.roots}
}

// run follows the files until ctx ends.
func (t *trustFiles) run(ctx context.Context) {
	t.cert.AddListener(listenerFunc(func() { poke(t.changed) }))
	go t.cert.Run(ctx, 1)
}
