package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
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
		{"kagg", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.Serve(w, req, &target) })},
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

// BenchmarkResolve finds the address of a service by each of the ways that need no more than a look, and by slices
// of many endpoints.
func BenchmarkResolve(b *testing.B) {
	query := Query{Namespace: "default", Name: "api", Port: 443}
	addresses := make([]discoveryv1.Endpoint, 100)
	for i := range addresses {
		addresses[i] = up(fmt.Sprintf("10.0.0.%d", i))
	}
	for _, tc := range []struct {
		name     string
		registry Registry
	}{
		{"flag", Registry{Overrides: []Override{{Namespace: "default", Name: "api", Host: "127.0.0.1:8443"}}}},
		{"annotation", Registry{APIServiceAnnotation: "https://127.0.0.1:8443"}},
		{"slice/1", Registry{Service: service(nil), EndpointSlices: []*discoveryv1.EndpointSlice{slice("s", discoveryv1.AddressTypeIPv4, port("https", 8443), addresses[0])}}},
		{"slice/100", Registry{Service: service(nil), EndpointSlices: []*discoveryv1.EndpointSlice{slice("s", discoveryv1.AddressTypeIPv4, port("https", 8443), addresses...)}}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Resolve(query, tc.registry); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
