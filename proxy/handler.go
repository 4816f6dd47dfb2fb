package proxy

import (
	"errors"
	"io"
	"log"
	"net/http"
	"sync"

	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
	"k8s.io/streaming/pkg/httpstream"
)

// Target is what the proxy has to know about one APIService. It is immutable, and belongs to the
// snapshot that the request is served from.
type Target struct {
	// APIService is the object's name, "v1.example.com".
	APIService string
	// Local is set when the APIService has no spec.service: its requests go to Options.Local.
	Local bool
	// Available is the status of the Available condition.
	Available bool
	// Unavailable is the whole message for the client while not available: reason, address, last probe.
	// Empty, a plain sentence takes its place. Options.UpstreamErrors hides it.
	Unavailable string
	// Resolution is where to send requests, unless ResolveErr is set.
	Resolution Resolution
	ResolveErr error
	// Transport is the connection pool to use, unless TransportErr is set.
	Transport    *Transport
	TransportErr error
}

// Options of a [Handler]. The zero value proxies with errors that explain.
type Options struct {
	// UpstreamErrors answers failures with the kube-aggregator's own bodies in text/plain, to the byte.
	// Otherwise a failure is a metav1.Status whose message names the APIService, what failed, and the
	// backend's address.
	UpstreamErrors bool
	// OnBackendFailure is told of every failure that is the backend's and not the client's: a dial
	// refused, a handshake failed, a connection reset or gone silent, before or within the answer. It is
	// called on the request's goroutine, possibly many times at once, and must not block. Default: none.
	OnBackendFailure func(t Target, err error)
	// Local serves the requests of local APIServices, the delegation chain. Default: 404.
	Local http.Handler
	// WrapTransport is put around what sends a request that is no upgrade, to trace it. It sees the request
	// with its identity headers, before a host is chosen. Default: nothing.
	WrapTransport func(http.RoundTripper) http.RoundTripper
	// StripHeaders and StripPrefixes name the headers that the front end's own authentication reads
	// identities from, where they are not the standard X-Remote-*: backends must not see a client's.
	// Case, and a hyphen or an underscore, make no difference.
	StripHeaders, StripPrefixes []string
}

// Handler is the reverse proxy. Safe for concurrent use.
type Handler struct {
	options Options
	strip   stripper
	buffers bufferPool
	flushes flushQueue
	// silent is for what ReverseProxy would write to standard error: OnBackendFailure hears it.
	silent *log.Logger
}

// New returns a Handler.
func New(o Options) *Handler {
	h := &Handler{options: o, strip: newStripper(o.StripHeaders, o.StripPrefixes), silent: log.New(io.Discard, "", 0)}
	h.buffers.pool.New = func() any { return new([copyBufferSize]byte) }
	return h
}

var errNoTransport = errors.New("no connection pool was built for this APIService")

// Serve answers req from t's backend. The request's context has to hold the user (and the RequestInfo
// and audit id, where there are any), as the filters of k8s.io/apiserver put them there.
//
// What is checked, and in which order, is the kube-aggregator's (handler_proxy.go, ServeHTTP): local;
// not available, 503; no transport, 500; no user, 500; not resolved, 503; then the backend is asked.
// A request for one group-version's discovery has 5 seconds, any other lives as long as its context.
// Serve panics with http.ErrAbortHandler when the backend breaks off within its answer, so that the
// server breaks off too.
func (h *Handler) Serve(w http.ResponseWriter, req *http.Request, t *Target) {
	if t.Local {
		if h.options.Local == nil {
			http.Error(w, "", http.StatusNotFound)
			return
		}
		h.options.Local.ServeHTTP(w, req)
		return
	}
	if t.Transport == nil && t.TransportErr == nil {
		without := *t
		without.TransportErr = errNoTransport
		t = &without
	}
	user, ok := genericapirequest.UserFrom(req.Context())
	if f, refused := t.refusal(ok); refused {
		h.refuse(w, req, f)
		return
	}

	utilflowcontrol.RequestDelegated(req.Context())
	x := &exchange{h: h, target: t, user: user, in: req, first: t.Transport.next(len(t.Resolution.Hosts))}
	switch {
	case httpstream.IsUpgradeRequest(req):
		x.upgrade(w)
	case simple(req):
		x.forward(w)
	default:
		x.byLibrary(w, x.transport())
	}
}

// report tells the owner of the target that its backend failed.
func (h *Handler) report(t *Target, err error) {
	if h.options.OnBackendFailure != nil {
		h.options.OnBackendFailure(*t, err)
	}
}

// copyBufferSize is what httputil.ReverseProxy would allocate for every answer.
const copyBufferSize = 32 * 1024

// bufferPool lends ReverseProxy its copy buffers. An array pointer fits an interface without allocation.
type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) Get() []byte { return p.pool.Get().(*[copyBufferSize]byte)[:] }

func (p *bufferPool) Put(b []byte) { p.pool.Put((*[copyBufferSize]byte)(b)) }
