package proxy

import (
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// BenchmarkProxy is a GET of 500 bytes through a TLS front to a TLS backend, one in flight, through
// kagg's proxy, through upstream's parts, and through Go's bare ReverseProxy.
func BenchmarkProxy(b *testing.B) {
	tr := newTrust(b)
	payload := strings.Repeat("x", 500)
	host := tr.backend(b, true, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, payload) })
	target := tr.target(b, host)
	h := New(Options{})
	bare := &httputil.ReverseProxy{
		Transport: tr.transport(b).http,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: host}) },
	}
	for _, proxy := range []struct {
		name    string
		handler http.Handler
	}{
		{"kagg", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, target) })},
		{"upstream", upstreamProxy(b, tr, host)},
		{"bare", bare},
	} {
		b.Run(proxy.name, func(b *testing.B) {
			f := frontOf(b, proxy.handler, testUser)
			client, req := f.Client(), request(b, http.MethodGet, f.URL+thingsPath, nil)
			buf := make([]byte, 1024)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := client.Do(req)
				if err != nil {
					b.Fatal(err)
				}
				if n, err := io.ReadFull(resp.Body, buf); n != len(payload) {
					b.Fatal(n, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
