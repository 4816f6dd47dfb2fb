package aggregator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"

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

// check tells why backends that follow the published configuration would not
// believe the front-proxy certificate: they would take every user for
// system:anonymous, or refuse the connection. nil means that they believe it.
func (t *trustFiles) check(ca dynamiccertificates.CAContentProvider, allowedNames []string) error {
	certPEM, keyPEM := t.cert.CurrentCertKeyContent()
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return err
	}
	options, ok := ca.VerifyOptions()
	if !ok {
		return nil
	}
	options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	options.Intermediates = x509.NewCertPool()
	options.Intermediates.AppendCertsFromPEM(certPEM)
	if _, err := leaf.Verify(options); err != nil {
		return fmt.Errorf("backends will not believe the front-proxy certificate %q of issuer %q: %w: "+
			"make --requestheader-client-ca-file name the CA that signed --proxy-client-cert-file", leaf.Subject.CommonName, leaf.Issuer.CommonName, err)
	}
	if len(allowedNames) > 0 && !slices.Contains(allowedNames, leaf.Subject.CommonName) {
		return fmt.Errorf("backends will not believe the front-proxy certificate %q: its common name is not among %q: add it to --requestheader-allowed-names",
			leaf.Subject.CommonName, allowedNames)
	}
	return nil
}

// run follows the files until ctx ends.
func (t *trustFiles) run(ctx context.Context) {
	t.cert.AddListener(listenerFunc(func() { poke(t.changed) }))
	go t.cert.Run(ctx, 1)
}
