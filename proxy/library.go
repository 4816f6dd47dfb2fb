package proxy

import (
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
	proxyutil "k8s.io/apimachinery/pkg/util/proxy"
)

// flushInterval is for answers of known length only, whose bytes come slowly: they are passed on after
// this time at the latest. An answer of unknown length is flushed at once, its headers before its first byte:
// by ReverseProxy, by flusher, and a watch by exchange.watch. Flushing the short answers at once as well would
// cost each of them a second TLS record and a second system call.
const flushInterval = 5 * time.Millisecond

// byLibrary passes on any request that is no upgrade: net/http's ReverseProxy, with apimachinery's proxy transport for
// the forwarding headers and the rewriting of Location and of links in HTML (the one kind of body that
// is read whole before it is passed on, as a kube-apiserver does).
//
// apimachinery's UpgradeAwareHandler would do the same around the same two; it is left out because it
// copies the request's headers twice more and allocates a buffer for every answer.
func (x *exchange) byLibrary(w http.ResponseWriter, transport http.RoundTripper) {
	defer x.prepare()()
	reverse := &httputil.ReverseProxy{
		Rewrite:        x.rewrite,
		Transport:      &proxyutil.Transport{Scheme: x.req.URL.Scheme, Host: x.req.URL.Host, RoundTripper: transport},
		FlushInterval:  flushInterval,
		ErrorLog:       x.h.silent,
		BufferPool:     &x.h.buffers,
		ModifyResponse: x.modify,
		ErrorHandler:   x.Error,
	}
	reverse.ServeHTTP(w, x.req)
	if x.events != nil {
		x.watch(w)
	}
}

// rewrite runs after the hop-by-hop headers are gone, so that no client can have an identity header
// removed by listing it under Connection.
func (x *exchange) rewrite(r *httputil.ProxyRequest) {
	out := r.Out.Header
	// ReverseProxy has dropped these two; a kube-apiserver passes on what the client's proxies said.
	if v, ok := r.In.Header["Forwarded"]; ok && !hopByHop(r.In.Header, "Forwarded") {
		out["Forwarded"] = v
	}
	if client, _, err := net.SplitHostPort(r.In.RemoteAddr); err == nil {
		prior := r.In.Header["X-Forwarded-For"]
		if len(prior) > 0 && !hopByHop(r.In.Header, "X-Forwarded-For") {
			client = strings.Join(prior, ", ") + ", " + client
		}
		out.Set("X-Forwarded-For", client)
	}
	setIdentity(out, x.user)
}

func hopByHop(h http.Header, name string) bool {
	return httpguts.HeaderValuesContainsToken(h["Connection"], name)
}
