package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	proxyutil "k8s.io/apimachinery/pkg/util/proxy"
)

// upgrade passes on a request that asks for SPDY or WebSocket: apimachinery's UpgradeAwareHandler over
// a connection of its own, with the pool's TLS settings and the same identity headers.
func (x *exchange) upgrade(w http.ResponseWriter) {
	defer x.prepare()()
	req := x.req
	setIdentity(req.Header, x.user)
	conn, err := x.dial(req.Context())
	if err != nil {
		x.Error(w, req, fmt.Errorf("error dialing backend: %w", err))
		return
	}
	// UpgradeAwareHandler closes it too; this is for a panic on its way there.
	defer func() { _ = conn.Close() }()

	// The connection is open and encrypted, hence "http": the scheme is not on the wire, and with "https"
	// the handler would start a second handshake within the first. Dialled here, a failure keeps its
	// type, and the next host can be tried.
	location := *req.URL
	location.Scheme, location.Host = "http", x.host
	req.Host = x.host
	opened := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return conn, nil }}
	proxyutil.NewUpgradeAwareHandler(&location, opened, false, true, upgradeResponder{x}).ServeHTTP(w, req)
}

// dial connects to the host whose turn it is, or else to the next that can be dialled.
func (x *exchange) dial(ctx context.Context) (net.Conn, error) {
	hosts := x.target.Resolution.Hosts
	for i := range hosts {
		x.host = hosts[(x.first+i)%len(hosts)]
		conn, err := x.target.Transport.DialTLS(ctx, x.host)
		if err == nil {
			return conn, nil
		}
		x.failed(err)
		if !dialFailed(err) || ctx.Err() != nil {
			break
		}
	}
	return nil, x.err
}

// upgradeResponder tells a connection that broke from an answer that is no upgrade.
type upgradeResponder struct{ x *exchange }

func (r upgradeResponder) Error(w http.ResponseWriter, req *http.Request, err error) {
	var broken net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken) {
		r.x.failed(err)
	}
	r.x.Error(w, req, err)
}
