package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/endpoints/metrics"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/klog/v2"
)

// endsWithItsContext tells whether nothing but the handler can hold an answer to the request
// up beyond its time: there is no body to wait for, and HTTP/2 can end a stream that the
// client does not read.
func endsWithItsContext(req *http.Request) bool { return req.ProtoMajor == 2 && req.ContentLength == 0 }

// servePrompt is genericfilters.WithTimeoutForNonLongRunningRequests for what ends when its
// context does: it needs no goroutine of its own that the answer after the time leaves behind.
func (e *entrance) servePrompt(ctx context.Context, w http.ResponseWriter, req *http.Request, info *apirequest.RequestInfo) {
	p := &promptWriter{ctx: ctx, w: w, header: make(http.Header, 8)}
	p.warnings.to = p
	maps.Copy(p.header, w.Header())
	req = req.WithContext(warning.WithWarningRecorder(ctx, &p.warnings))
	defer p.end(req, info)
	e.next.ServeHTTP(p, req)
}

// promptWriter keeps a handler from writing after its time, with the answer for that case to
// the byte of the filter's (k8s.io/apiserver pkg/server/filters, timeout.go, baseTimeoutWriter):
// headers are the handler's own until it begins to answer, and what it changes later in them is
// not sent.
type promptWriter struct {
	ctx      context.Context //nolint:containedctx // it is the request's, as the writer is
	w        http.ResponseWriter
	warnings warnings

	mu     sync.Mutex // a proxy's flushes have their own goroutine
	header http.Header
	begun  bool
	// written are the bytes of the body so far.
	written int
	cut     *cut
}

// Unwrap implements responsewriter.UserProvidedDecorator.
func (p *promptWriter) Unwrap() http.ResponseWriter { return p.w }

// Header implements http.ResponseWriter.
func (p *promptWriter) Header() http.Header {
	if p.ctx.Err() != nil {
		return http.Header{}
	}
	return p.header
}

// WriteHeader implements http.ResponseWriter.
func (p *promptWriter) WriteHeader(code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil || p.begun {
		return
	}
	p.begin()
	p.w.WriteHeader(code)
}

func (p *promptWriter) begin() {
	maps.Copy(p.w.Header(), p.header)
	p.begun = true
}

// Write implements http.ResponseWriter.
func (p *promptWriter) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return 0, http.ErrHandlerTimeout
	}
	if !p.begun {
		p.begin()
	}
	if p.written += len(data); p.written > unsent {
		p.cutLater()
	}
	return p.w.Write(data)
}

// Flush implements http.Flusher.
func (p *promptWriter) Flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return
	}
	p.cutLater()
	p.w.(http.Flusher).Flush()
}

// CloseNotify implements http.CloseNotifier, which the server's writer does too.
func (p *promptWriter) CloseNotify() <-chan bool {
	return p.w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // who asks for it has it from the filter
}

// unsent is how much of an answer the server keeps before it sends anything, which a client
// that does not read could hold up: x/net/http2, handlerChunkWriteSize.
const unsent = 4 << 10

// cutLater makes the stream end at the request's deadline even if the client does not read.
func (p *promptWriter) cutLater() {
	if p.cut == nil {
		c := &cut{w: p.w}
		c.stop = context.AfterFunc(p.ctx, func() { c.run(p.ctx.Err()) })
		p.cut = c
	}
}

// end answers for a handler that did not end in time, or breaks its answer off.
func (p *promptWriter) end(req *http.Request, info *apirequest.RequestInfo) {
	if p.cut != nil {
		p.cut.end()
	}
	if p.ctx.Err() == nil {
		return
	}
	defer metrics.RecordRequestTermination(req, info, metrics.APIServerComponent, http.StatusGatewayTimeout)
	// The filter's answer does not wait for what the handler says; the log has it.
	if r := recover(); r != nil && r != http.ErrAbortHandler { //nolint:errorlint // what was panicked with
		klog.ErrorS(nil, "a handler panicked after its request's time", "method", req.Method, "path", req.URL.Path, "panic", r, "stack", string(debug.Stack()))
	}
	if p.begun {
		panic(http.ErrAbortHandler)
	}
	p.w.WriteHeader(http.StatusGatewayTimeout)
	status := apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0).ErrStatus
	_ = json.NewEncoder(p.w).Encode(&status) //nolint:errchkjson // a client that is gone is nobody to tell
}

// cut ends a stream at a deadline, unless its handler has ended before.
type cut struct {
	w    http.ResponseWriter
	stop func() bool

	mu    sync.Mutex // the writer may not be used after its handler
	ended bool
}

// run resets the stream, as the server does after a handler's panic. A client that has left has
// no stream to reset.
func (c *cut) run(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended && errors.Is(why, context.DeadlineExceeded) {
		_ = http.NewResponseController(c.w).SetWriteDeadline(time.Unix(1, 0)) // fails where nothing can be held up
	}
}

func (c *cut) end() {
	c.stop()
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
}
