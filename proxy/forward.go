package proxy

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	"k8s.io/apiserver/pkg/audit"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

// Nearly all requests have no body and no header that concerns the connection, and nearly all answers are passed on
// as they are. What is here does for them in one step what NewRequestForProxy, ReverseProxy and apimachinery's proxy
// transport do in several, each with a copy of the request and its headers; everything else is theirs: library.go.

// simple tells whether forward can do all that there is to do for a request. It cannot for the discovery of a
// group-version, which has a limit of its own, and for a watch, whose time is not in its beginning.
func simple(req *http.Request) bool {
	if info, ok := genericapirequest.RequestInfoFrom(req.Context()); ok && (!info.IsResourceRequest || info.Verb == "watch") {
		return false
	}
	if req.ContentLength != 0 || len(req.TransferEncoding) > 0 || len(req.Trailer) > 0 {
		return false
	}
	for name := range req.Header {
		if connectionHeader(name) {
			return false
		}
	}
	return true
}

// connectionHeader tells the names that ReverseProxy does not pass on.
func connectionHeader(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// auditIDHeader is a key of http.Header, as the constant is not.
var auditIDHeader = http.CanonicalHeaderKey(auditinternal.HeaderAuditID)

// outgoing is the request for the first host.
func (x *exchange) outgoing(ctx context.Context) *http.Request {
	in := x.in
	out := in.WithContext(ctx)
	out.URL, out.Body, out.Close = x.location(), nil, false
	out.Host = out.URL.Host
	// Values are shared with the client's request: nobody changes one in place.
	out.Header = make(http.Header, len(in.Header)+10)
	for name, values := range in.Header {
		if !x.h.strip.matches(name) {
			out.Header[name] = values
		}
	}
	one := make([]string, 0, 8)
	set := func(name, value string) {
		one = append(one, value)
		out.Header[name] = one[len(one)-1 : len(one) : len(one)]
	}
	if id, ok := audit.AuditIDFrom(ctx); ok {
		set(auditIDHeader, string(id))
	}
	if client, _, err := net.SplitHostPort(in.RemoteAddr); err != nil {
		delete(out.Header, "X-Forwarded-For")
	} else if prior := out.Header["X-Forwarded-For"]; len(prior) > 0 {
		set("X-Forwarded-For", strings.Join(prior, ", ")+", "+client)
	} else {
		set("X-Forwarded-For", client)
	}
	set("X-Forwarded-Uri", forwardedURI(out.URL))
	set("X-Forwarded-Host", out.Host)
	set("X-Forwarded-Proto", out.URL.Scheme)
	if out.Header["User-Agent"] == nil {
		set("User-Agent", "") // or net/http would send its own
	}
	addIdentity(out.Header, x.user)
	return out
}

// forwardedURI is what apimachinery's proxy transport makes of the path.
func forwardedURI(u *url.URL) string {
	escaped := u.EscapedPath()
	if escaped == "" {
		return ""
	}
	escaped = path.Clean(escaped)
	if strings.HasSuffix(u.Path, "/") {
		escaped += "/"
	}
	return escaped
}

// forward passes on a simple request.
func (x *exchange) forward(w http.ResponseWriter) {
	early := &interim{w: w}
	early.trace.Got1xxResponse = early.got
	x.req = x.outgoing(httptrace.WithClientTrace(x.in.Context(), &early.trace))
	resp, err := x.transport().RoundTrip(x.req)
	early.end()
	if err != nil || !plain(resp) {
		x.byLibrary(w, answered{resp, err})
		return
	}
	passOnHeader(w.Header(), resp)
	announced := len(resp.Trailer)
	w.WriteHeader(resp.StatusCode)
	if err := x.passOn(w, resp); err != nil {
		defer func() { _ = resp.Body.Close() }()
		if x.in.Context().Value(http.ServerContextKey) != nil {
			panic(http.ErrAbortHandler)
		}
		return
	}
	_ = resp.Body.Close() // it was read to its end
	passOnTrailers(w, resp.Trailer, announced)
}

func passOnHeader(to http.Header, resp *http.Response) {
	for name, values := range resp.Header {
		switch have := to[name]; {
		case connectionHeader(name) || slices.Contains(corsHeaders[:], name):
		case len(have) == 0:
			to[name] = slices.Clip(values)
		default:
			to[name] = append(slices.Clip(have), values...)
		}
	}
	if len(resp.Trailer) > 0 {
		to["Trailer"] = append(to["Trailer"], strings.Join(slices.Collect(maps.Keys(resp.Trailer)), ", "))
	}
}

// plain tells the answers that are passed on as they are.
func plain(resp *http.Response) bool {
	if resp.StatusCode == http.StatusSwitchingProtocols || len(resp.Header["Connection"]) > 0 || len(resp.Header["Location"]) > 0 {
		return false
	}
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	media = strings.TrimSpace(media)
	return !strings.EqualFold(media, "text/html") && !strings.EqualFold(media, "text/event-stream")
}

// passOn copies the body.
func (x *exchange) passOn(w http.ResponseWriter, resp *http.Response) error {
	to := &flusher{w: w, queue: &x.h.flushes, length: resp.ContentLength}
	defer to.stop()
	to.start()
	buffer := x.h.buffers.Get()
	defer x.h.buffers.Put(buffer)
	for {
		n, err := resp.Body.Read(buffer)
		if n > 0 {
			written, err := to.Write(buffer[:n])
			if err == nil && written != n {
				err = io.ErrShortWrite
			}
			if err != nil {
				return err
			}
		}
		if err == io.EOF { // bare: an end within another error is none
			return nil
		}
		if err != nil {
			x.failed(err)
			return err
		}
	}
}

func passOnTrailers(w http.ResponseWriter, trailer http.Header, announced int) {
	if len(trailer) == 0 {
		return
	}
	_ = http.NewResponseController(w).Flush() // or a short body would get a length, and no trailers
	prefix := ""
	if len(trailer) != announced {
		prefix = http.TrailerPrefix
	}
	for name, values := range trailer {
		for _, v := range values {
			w.Header().Add(prefix+name, v)
		}
	}
}

// interim passes on the 1xx answers that come before the answer.
type interim struct {
	trace httptrace.ClientTrace
	w     http.ResponseWriter
	mu    sync.Mutex
	over  bool
}

func (i *interim) got(code int, header textproto.MIMEHeader) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.over {
		return nil
	}
	h := i.w.Header()
	for name, values := range header {
		h[name] = append(h[name], values...)
	}
	i.w.WriteHeader(code)
	clear(h) // WriteHeader does not for 1xx
	return nil
}

func (i *interim) end() {
	i.mu.Lock()
	i.over = true
	i.mu.Unlock()
}

// answered is a round trip that has been made.
type answered struct {
	resp *http.Response
	err  error
}

// RoundTrip implements http.RoundTripper.
func (a answered) RoundTrip(*http.Request) (*http.Response, error) { return a.resp, a.err }
