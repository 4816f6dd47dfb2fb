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
	if err != nil {
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
