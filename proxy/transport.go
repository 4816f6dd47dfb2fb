package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/transport"
)

// TLS says how to trust a backend and how to be trusted by it. Certificates and keys are PEM.
type TLS struct {
	// ServerName is the name that the backend's certificate has to bear: [Query.ServerName].
	ServerName string
	// CABundle holds the only roots that count, unless it is empty: then the system's roots count.
	CABundle []byte
	// InsecureSkipVerify takes any certificate. Together with a CABundle it is an error.
	InsecureSkipVerify bool
	// ExtraRoots are trusted beside the system's roots, and only where CABundle is empty.
	ExtraRoots []byte
	// ClientCert and ClientKey are the front-proxy client certificate; both may be empty.
	ClientCert, ClientKey []byte
}

// Defaults of [TransportOptions].
const (
	DefaultDialTimeout         = 5 * time.Second
	DefaultTLSHandshakeTimeout = 10 * time.Second
	DefaultIdleTimeout         = 90 * time.Second
	DefaultReadIdleTimeout     = 2 * time.Second
	DefaultPingTimeout         = 2 * time.Second
)

// TransportOptions are the timings of a [Transport]. The zero value is all defaults.
type TransportOptions struct {
	// DialTimeout is how long a connection may take to open, default DefaultDialTimeout.
	DialTimeout time.Duration
	// TLSHandshakeTimeout defaults to DefaultTLSHandshakeTimeout.
	TLSHandshakeTimeout time.Duration
	// IdleTimeout is how long an unused connection is kept, default DefaultIdleTimeout.
	IdleTimeout time.Duration
	// ReadIdleTimeout is after how long a silence on an HTTP/2 connection a ping is sent, and PingTimeout
	// how long its answer may take before the connection is closed and its requests fail: a dead
	// connection is found within their sum. Defaults DefaultReadIdleTimeout and DefaultPingTimeout.
	ReadIdleTimeout, PingTimeout time.Duration
	// Dial opens connections, default a net.Dialer with DialTimeout. Upgrades use it too.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// maxIdlePerHost is client-go's (transport/cache.go, idleConnsPerHost). It matters to HTTP/1.1 alone.
const maxIdlePerHost = 25

// noHeaderTable keeps header compression from remembering what was sent: a table that no header fits into. Each request
// has an Audit-Id of its own, which drives all else out of a table in time; to keep one costs more than to send some
// 500 bytes more over what is nearly always the machine's own network.
const noHeaderTable = 1

func (o TransportOptions) withDefaults() TransportOptions {
	for _, d := range [...]struct {
		field *time.Duration
		value time.Duration
	}{
		{&o.DialTimeout, DefaultDialTimeout},
		{&o.TLSHandshakeTimeout, DefaultTLSHandshakeTimeout},
		{&o.IdleTimeout, DefaultIdleTimeout},
		{&o.ReadIdleTimeout, DefaultReadIdleTimeout},
		{&o.PingTimeout, DefaultPingTimeout},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second}).DialContext
	}
	return o
}

// Transport is the connection pool of one backend: HTTP/2 where the backend speaks it, else HTTP/1.1
// with keep-alives. It never uses a proxy, whatever the environment says. It is an http.RoundTripper,
// for probes and fetches too: the host is the request's. Safe for concurrent use.
type Transport struct {
	http *http.Transport
	// upgrade is the TLS of upgrades. It is a configuration of its own because net/http writes into the
	// one it is given on first use, and because upgrades must not negotiate HTTP/2.
	upgrade          *tls.Config
	handshakeTimeout time.Duration

	turn     atomic.Int64
	mu       sync.Mutex // guards what follows, never held over I/O
	inFlight int
	closed   bool
}

var (
	_ http.RoundTripper           = &Transport{}
	_ utilnet.RoundTripperWrapper = &Transport{}
)

// NewTransport builds a pool; it opens no connection. Errors name the setting that is wrong: a
// CABundle, ExtraRoots, client certificate or key that is no PEM, or a CABundle beside
// InsecureSkipVerify. The first and the last have client-go's own words, which a kube-aggregator
// answers with.
func NewTransport(t TLS, o TransportOptions) (*Transport, error) {
	o = o.withDefaults()
	config, err := transport.TLSConfigFor(&transport.Config{TLS: transport.TLSConfig{
		Insecure:   t.InsecureSkipVerify,
		ServerName: t.ServerName,
		CertData:   t.ClientCert,
		KeyData:    t.ClientKey,
		CAData:     t.CABundle,
	}})
	if err != nil {
		return nil, err
	}
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if t.Roots() == RootsSystemAndExtra {
		if config.RootCAs, err = systemRootsAnd(t.ExtraRoots); err != nil {
			return nil, err
		}
	}
	upgrade := config.Clone()
	upgrade.NextProtos = []string{"http/1.1"}
	return &Transport{
		http: &http.Transport{
			Proxy:               nil,
			DialContext:         o.Dial,
			TLSClientConfig:     config,
			TLSHandshakeTimeout: o.TLSHandshakeTimeout,
			MaxIdleConnsPerHost: maxIdlePerHost,
			IdleConnTimeout:     o.IdleTimeout,
			ForceAttemptHTTP2:   true, // DialContext and TLSClientConfig would turn it off
			HTTP2: &http.HTTP2Config{
				MaxEncoderHeaderTableSize: noHeaderTable,
				SendPingTimeout:           o.ReadIdleTimeout, PingTimeout: o.PingTimeout,
			},
		},
		upgrade:          upgrade,
		handshakeTimeout: o.TLSHandshakeTimeout,
	}, nil
}

// systemRootsAnd returns the system's roots with more added. A system without roots has none to lose.
func systemRootsAnd(pem []byte) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("extra roots: no PEM block of a certificate in them; give the CA's certificate as PEM")
	}
	return pool, nil
}

// RoundTrip sends one request over the pool. It follows no redirect and sets no deadline.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	t.begin()
	resp, err := t.http.RoundTrip(req)
	if err != nil {
		t.end()
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		// The body is the connection, and has to stay an io.ReadWriteCloser. It left the pool.
		t.end()
		return resp, nil
	}
	resp.Body = &countedBody{ReadCloser: resp.Body, t: t}
	return resp, nil
}

// CloseIdleConnections closes the connections that serve no request now; the pool stays in use.
func (t *Transport) CloseIdleConnections() { t.http.CloseIdleConnections() }

// Close drops the pool: idle connections are closed now, the others as soon as their last request is
// done. Requests in flight are not disturbed. A request that comes late still works, over a connection
// that is closed after it.
func (t *Transport) Close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.http.CloseIdleConnections()
}

// WrappedRoundTripper gives apimachinery's and client-go's unwrapping functions the pool's dialer. Its
// TLS settings are [Transport.TLSClientConfig].
func (t *Transport) WrappedRoundTripper() http.RoundTripper { return t.http }

// TLSClientConfig returns the TLS settings for a connection outside of the pool, such as an upgrade's:
// HTTP/1.1 only. It is shared: clone it before changing it.
func (t *Transport) TLSClientConfig() *tls.Config { return t.upgrade }

// DialTLS opens a connection of its own to address ("host:port"), with the pool's TLS settings and
// HTTP/1.1. The caller closes it. Failures to connect are a *net.OpError, those of the handshake are
// crypto/tls's.
func (t *Transport) DialTLS(ctx context.Context, address string) (net.Conn, error) {
	config := t.upgrade
	if config.ServerName == "" && !config.InsecureSkipVerify {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, fmt.Errorf("address %q: %w", address, err)
		}
		config = config.Clone()
		config.ServerName = host
	}
	raw, err := t.http.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, t.handshakeTimeout)
	defer cancel()
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error is the one that explains
		return nil, err
	}
	return conn, nil
}

// next is the index of the host whose turn it is among n. Consecutive calls take consecutive hosts.
func (t *Transport) next(n int) int {
	if n < 2 {
		return 0
	}
	return int((t.turn.Add(1) - 1) % int64(n))
}

func (t *Transport) begin() {
	t.mu.Lock()
	t.inFlight++
	t.mu.Unlock()
}

// end counts a request out. The last one out of a closed pool closes what has become idle: net/http
// keeps an HTTP/2 connection that was busy when the idle ones were closed.
func (t *Transport) end() {
	t.mu.Lock()
	t.inFlight--
	last := t.closed && t.inFlight == 0
	t.mu.Unlock()
	if last {
		t.http.CloseIdleConnections()
	}
}

// countedBody counts its request out when it is closed.
type countedBody struct {
	io.ReadCloser
	t    *Transport
	once sync.Once
}

func (b *countedBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.t.end)
	return err
}
