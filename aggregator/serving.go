package aggregator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"

	"github.com/kagg-project/kagg/delegate"
)

// shutdownTimeout is how long requests may go on that run when kagg stops.
const shutdownTimeout = 10 * time.Second

// listen binds the wanted port, or any free one where that is allowed and the
// wanted one is taken.
func listen(ctx context.Context, c *Config) (net.Listener, error) {
	address := net.JoinHostPort(c.BindAddress.String(), strconv.Itoa(c.SecurePort))
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) && c.SecurePortOptional {
		return lc.Listen(ctx, "tcp", net.JoinHostPort(c.BindAddress.String(), "0"))
	}
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%w: give an address of this machine with --bind-address", err)
	case err != nil:
		return nil, fmt.Errorf("%w: choose another port with --secure-port, or 0 for any", err)
	}
	return l, nil
}

// serve answers on l until stop is closed, with at most streams requests at once
// on one connection, 0 for the library's limit; the returned channel is closed when
// the last request has ended or shutdownTimeout has passed.
func serve(l net.Listener, h http.Handler, cert dynamiccertificates.CertKeyContentProvider, clientCA dynamiccertificates.CAContentProvider, streams int, stop <-chan struct{}) (<-chan struct{}, error) {
	info := genericapiserver.SecureServingInfo{Listener: l, Cert: cert, ClientCA: clientCA, HTTP2MaxStreamsPerConnection: streams}
	stopped, _, err := info.Serve(h, shutdownTimeout, stop)
	return stopped, err
}

// startServing answers on l and writes the kubeconfigs.
func (a *Aggregator) startServing(ctx context.Context, l net.Listener) error {
	certFile, keyFile := a.config.ServingCertFile, a.config.ServingKeyFile
	if certFile == "" {
		certFile, keyFile = a.state.Serving.CertFile, a.state.Serving.KeyFile
	}
	var err error
	if a.serving, err = dynamiccertificates.NewDynamicServingContentFromFiles("serving-cert", certFile, keyFile); err != nil {
		return &InputError{fmt.Errorf("serving certificate: %w", err)}
	}
	a.serving.AddListener(listenerFunc(func() {
		a.report("kubeconfig", a.writeKubeconfigs())
		a.report("configmap/kube-root-ca.crt", a.local.PublishRootCA(ctx))
	}))
	a.auth.listen(listenerFunc(func() {
		a.report("configmap/"+delegate.AuthenticationConfigMap, a.local.PublishAuthenticationConfig(ctx, a.auth.configMap()))
	}))
	h := chain{
		authentication: a.auth, authorizer: a.authz.forRequests(), codecs: delegate.Codecs,
		requestInfo: newRequestInfoResolver(), stopping: ctx,
		limits: a.config.Observability, audit: a.audit, tracer: a.tracer, fairness: a.fairness,
		prompt: a.routes.prompt,
	}.handler(a.routes)
	if a.stopped, err = serve(l, h, a.serving, a.auth.clientCA, a.config.Observability.HTTP2MaxStreamsPerConnection, ctx.Done()); err != nil {
		return err
	}
	a.running.Go(func() { a.renew(ctx) })
	return a.writeKubeconfigs()
}

// writeKubeconfigs writes both kubeconfigs. A serving certificate that was given
// is trusted in them by itself: its CA is not known.
func (a *Aggregator) writeKubeconfigs() error {
	var given []byte
	if a.config.ServingCertFile != "" {
		given, _ = a.serving.CurrentCertKeyContent()
	}
	return a.state.WriteKubeconfigs(a.url, given)
}

// serverURL is the address that kubeconfigs name. A wildcard is reached by the
// loopback address.
func serverURL(address net.Addr) string {
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return "https://" + address.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "https://" + net.JoinHostPort(host, port)
}
