package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"

	"k8s.io/apiserver/pkg/authentication/user"
	proxyrequest "k8s.io/apiserver/pkg/util/proxy"
)

// exchange is one request on its way to the backend, and the answer on its way back.
type exchange struct {
	h      *Handler
	target *Target
	user   user.Info
	in     *http.Request  // the client's
	req    *http.Request  // to be sent, for the first host
	first  int            // index of the host whose turn it is
	body   *clientBody    // nil if the request has none
	err    error          // what the transport said last, before apimachinery turns it into text
	host   string         // the host asked last
	answer *http.Response // the answer, if it is a watch
	events io.ReadCloser  // the body of the answer, if it is a watch
}

// location is where the request goes at the first host.
func (x *exchange) location() *url.URL {
	u := &url.URL{Scheme: "https", Host: x.target.Resolution.Hosts[x.first], Path: x.in.URL.Path}
	if x.in.URL.RawQuery != "" {
		// Sorted by key, and without what does not parse: upstream does the same.
		u.RawQuery = x.in.URL.Query().Encode()
	}
	return u
}

// prepare makes the request to be sent of the client's, but for who the user is.
func (x *exchange) prepare() context.CancelFunc {
	var cancel context.CancelFunc
	x.req, cancel = proxyrequest.NewRequestForProxy(x.location(), x.in)
	x.h.strip.strip(x.req.Header)
	return cancel
}

// transport is what sends a request that is no upgrade.
func (x *exchange) transport() http.RoundTripper {
	if wrap := x.h.options.WrapTransport; wrap != nil {
		return wrap(x)
	}
	return x
}

// RoundTrip sends the request to the host whose turn it is. A host that cannot be dialled has not seen
// the request, and the body is untouched: the next host gets it. Nothing else is tried twice here.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody {
		x.body = &clientBody{ReadCloser: req.Body}
		req.Body = x.body
	}
	hosts := x.target.Resolution.Hosts
	for i := range hosts {
		x.host = hosts[(x.first+i)%len(hosts)]
		if i > 0 {
			req = toHost(req, x.host)
		}
		resp, err := x.target.Transport.RoundTrip(req)
		if err == nil {
			return resp, nil
		}
		x.failed(err)
		if !dialFailed(err) || req.Context().Err() != nil {
			break
		}
	}
	return nil, x.err
}

// toHost returns the request for another host. The headers are shared: no attempt is under way.
func toHost(req *http.Request, host string) *http.Request {
	req = req.WithContext(req.Context())
	u := *req.URL
	u.Host = host
	req.URL, req.Host = &u, host
	req.Header.Set("X-Forwarded-Host", host)
	return req
}

func dialFailed(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// failed notes what the transport said, and reports it if it is the backend's failure.
func (x *exchange) failed(err error) {
	x.err = err
	if errors.Is(x.in.Context().Err(), context.Canceled) || x.body != nil && x.body.broken.Load() {
		return // the client went away, or broke off its own request
	}
	x.h.report(x.target, err)
}

// corsHeaders are kept from clients: they would speak for the kube-apiserver's own origin
// (apimachinery pkg/util/proxy, removeCORSHeaders).
var corsHeaders = [...]string{
	"Access-Control-Allow-Credentials",
	"Access-Control-Allow-Headers",
	"Access-Control-Allow-Methods",
	"Access-Control-Allow-Origin",
}

const redirectRefused = "the backend attempted to redirect this request, which is not permitted"

// redirectError is an answer with a redirection's status and a Location.
type redirectError struct {
	code     int
	location string
}

func (e *redirectError) Error() string {
	return fmt.Sprintf("%s: it answered %d with Location %q", redirectRefused, e.code, e.location)
}

// modify sees the answer before its headers go to the client.
func (x *exchange) modify(resp *http.Response) error {
	for _, name := range corsHeaders {
		resp.Header.Del(name)
	}
	if location := resp.Header.Get("Location"); location != "" && resp.StatusCode >= 300 && resp.StatusCode <= 399 {
		return &redirectError{code: resp.StatusCode, location: location}
	}
	if x.isWatch(resp) {
		x.answer, x.events = resp, resp.Body
		// Nothing is left for ReverseProxy to copy, and so nothing to flush.
		resp.Body, resp.ContentLength = http.NoBody, 0
		return nil
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		resp.Body = &backendBody{ReadCloser: resp.Body, x: x}
	}
	return nil
}

// Error answers the client when the backend could not. It is what ReverseProxy and UpgradeAwareHandler
// call, before anything was written.
func (x *exchange) Error(w http.ResponseWriter, req *http.Request, err error) {
	x.h.answer(w, req, x.failure(err))
}

// backendBody watches for a backend that breaks off within its answer.
type backendBody struct {
	io.ReadCloser
	x *exchange
}

func (b *backendBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.x.failed(err)
	}
	return n, err
}

// clientBody is the request's body. Closing it does nothing, so that it outlives an attempt whose dial
// failed; ReverseProxy closes its own body when the exchange is over.
type clientBody struct {
	io.ReadCloser
	broken atomic.Bool // the client's side failed
}

func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.broken.Store(true)
	}
	return n, err
}

func (b *clientBody) Close() error { return nil }
