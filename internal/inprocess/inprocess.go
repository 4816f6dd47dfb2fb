// Package inprocess lets an HTTP client talk to an [http.Handler] of the same process.
//
// In comes a handler; out comes an [http.RoundTripper] that calls it directly: no socket, no TLS,
// no serialized request. Responses are streamed, so client-go's watches and informers work. The
// package never authenticates anybody, follows no redirect and supports no connection upgrade.
package inprocess

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
)

// bufferSize is how much of a body is held back until a flush, the same order of size as net/http's:
// answers that fit are sent in one piece and with their length.
const bufferSize = 4 << 10

// RoundTripper returns a transport that serves each request with h in a goroutine of its own.
//
// RoundTrip returns as soon as the handler flushes, writes more than 4 KiB, or returns; the body then
// streams. The handler's context ends when the request's context ends, when the client closes the
// response body, and when the handler returns. A handler that panics before its headers were sent makes
// RoundTrip fail; later, reading the body fails. The handler sees Host, RequestURI and RemoteAddr as a
// server would set them, with RemoteAddr "in-process". It is safe for concurrent use if h is.
func RoundTripper(h http.Handler) http.RoundTripper {
	return &transport{handler: h}
}

type transport struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL == nil {
		return nil, fmt.Errorf("in-process request has no URL: set http.Request.URL")
	}
	ctx, cancel := context.WithCancel(req.Context())
	served := serverRequest(ctx, req)
	reader, writer := io.Pipe()
	w := newResponseWriter(req.Method == http.MethodHead, writer)
	// A write that nobody reads any more must not keep the handler for ever.
	stop := context.AfterFunc(ctx, func() {
		_ = writer.CloseWithError(context.Cause(ctx))
		w.gone <- true
	})

	go func() {
		defer cancel()
		defer func() { _ = served.Body.Close() }()
		defer stop()
		defer func() {
			if p := recover(); p != nil {
				w.fail(fmt.Errorf("in-process handler panicked on %s %s: %v", req.Method, req.URL.Path, p))
				return
			}
			if err := req.Context().Err(); err != nil {
				// A handler that left because the client did has not answered in whole.
				_ = writer.CloseWithError(err)
			}
			w.finish()
		}()
		t.handler.ServeHTTP(w, served)
	}()

	select {
	case <-w.ready:
	case <-ctx.Done():
		// The handler may have answered in the same moment; an answer counts.
		select {
		case <-w.ready:
		default:
			if err := req.Context().Err(); err != nil {
				return nil, err
			}
			<-w.ready
		}
	}
	if w.err != nil {
		return nil, w.err
	}
	return w.response(req, &body{Reader: reader, pipe: reader, cancel: cancel}), nil
}

// serverRequest turns a client's request into what a handler expects of a server.
func serverRequest(ctx context.Context, req *http.Request) *http.Request {
	served := req.Clone(ctx)
	served.URL = &url.URL{
		Path: req.URL.Path, RawPath: req.URL.RawPath,
		RawQuery: req.URL.RawQuery, ForceQuery: req.URL.ForceQuery,
	}
	if served.Host == "" {
		served.Host = req.URL.Host
	}
	if served.Body == nil {
		served.Body = http.NoBody
	}
	if served.Method == "" {
		served.Method = http.MethodGet
	}
	served.RequestURI = req.URL.RequestURI()
	served.RemoteAddr = "in-process"
	served.Proto, served.ProtoMajor, served.ProtoMinor = "HTTP/1.1", 1, 1
	return served
}

// body is what the client reads; closing it ends the handler's work.
type body struct {
	io.Reader
	pipe   *io.PipeReader
	cancel context.CancelFunc
}

// Close implements [io.Closer].
func (b *body) Close() error {
	b.cancel()
	return b.pipe.Close()
}

// responseWriter collects what the handler answers. Its lock keeps a handler that writes from several
// goroutines, as a timeout filter does, from tearing the buffer; it is held while a write waits for the
// reader, as net/http's is.
type responseWriter struct {
	mu      sync.Mutex
	header  http.Header
	status  int  // 0 until WriteHeader
	noBody  bool // HEAD
	started bool // ready is closed

	// sent, status, length and err are written before ready is closed and read after it.
	sent   http.Header
	length int64
	err    error
	ready  chan struct{}

	gone chan bool // one value when the client is gone
	pipe *io.PipeWriter
	buf  *bufio.Writer
}

func newResponseWriter(head bool, pipe *io.PipeWriter) *responseWriter {
	w := &responseWriter{
		header: http.Header{}, noBody: head, ready: make(chan struct{}), length: -1,
		gone: make(chan bool, 1), pipe: pipe,
	}
	w.buf = bufio.NewWriterSize(startWriter{w}, bufferSize)
	return w
}

// startWriter is below the buffer: the first byte that reaches it sends the headers.
type startWriter struct{ w *responseWriter }

func (s startWriter) Write(p []byte) (int, error) {
	s.w.start()
	return s.w.pipe.Write(p)
}

// Header implements [http.ResponseWriter].
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter]. Informational codes and repeated calls are ignored.
func (w *responseWriter) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(status)
}

func (w *responseWriter) writeHeader(status int) {
	if w.status != 0 || status < http.StatusOK {
		return
	}
	w.status = status
	w.sent = w.header.Clone()
	if n, err := strconv.ParseInt(w.sent.Get("Content-Length"), 10, 64); err == nil && n >= 0 {
		w.length = n
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		w.noBody = true
	}
}

// Write implements [http.ResponseWriter].
func (w *responseWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(http.StatusOK)
	if w.noBody {
		if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
			return 0, http.ErrBodyNotAllowed
		}
		return len(p), nil
	}
	return w.buf.Write(p)
}

// Flush implements [http.Flusher].
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError is what [http.ResponseController] calls; it fails once the client is gone.
func (w *responseWriter) FlushError() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(http.StatusOK)
	w.start()
	return w.buf.Flush()
}

// CloseNotify implements the deprecated http.CloseNotifier: k8s.io/apiserver passes Flush on through its
// wrappers only to a writer that has both.
func (w *responseWriter) CloseNotify() <-chan bool { return w.gone }

// start delivers status and headers. The caller holds the lock.
func (w *responseWriter) start() {
	if !w.started {
		w.started = true
		close(w.ready)
	}
}

// finish ends a handler that returned.
func (w *responseWriter) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writeHeader(http.StatusOK)
	if !w.started && w.length < 0 && !w.noBody {
		w.length = int64(w.buf.Buffered())
		w.sent.Set("Content-Length", strconv.FormatInt(w.length, 10))
	}
	w.start()
	_ = w.buf.Flush() // fails only when the reader is gone
	_ = w.pipe.Close()
}

// fail ends a handler that panicked.
func (w *responseWriter) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.started {
		w.err = err
	}
	w.start()
	_ = w.pipe.CloseWithError(err)
}

// response is called after ready was closed.
func (w *responseWriter) response(req *http.Request, b io.ReadCloser) *http.Response {
	return &http.Response{
		Status:     strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode: w.status,
		Proto:      "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, ContentLength: w.length, Body: b, Request: req,
	}
}
