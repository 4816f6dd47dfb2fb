package harness

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Backend is a scripted custom apiserver of one group: it serves the resource
// echoes in whatever version it is asked for, and remembers every request.
type Backend struct {
	// Group is the API group.
	Group string
	// Port is the port of 127.0.0.1 that it listens on, each time it is started.
	Port int

	mu       sync.Mutex
	server   *http.Server
	requests []BackendRequest
}

// BackendRequest is a request as it arrived.
type BackendRequest struct {
	// Path is the path and query.
	Path string
	// Header is a copy of its headers.
	Header http.Header
	// Certificate is the client certificate of the connection, nil without one.
	Certificate *x509.Certificate
}

// NewBackend returns a backend that does not listen yet.
func NewBackend(t testing.TB, group string) *Backend {
	t.Helper()
	b := &Backend{Group: group, Port: FreePort(t)}
	t.Cleanup(b.Stop)
	return b
}

// Start listens and serves with the certificate.
func (b *Backend) Start(t testing.TB, certFile, keyFile string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(b.Port))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: b,
		// Not verified here: a test looks at what was presented.
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	b.mu.Lock()
	b.server = server
	b.mu.Unlock()
	go func() {
		if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the backend stopped: %v", err)
		}
	}()
}

// Stop closes the listener and cuts every connection, as the death of the process
// does. To stop a backend that does not run does nothing.
func (b *Backend) Stop() {
	b.mu.Lock()
	server := b.server
	b.server = nil
	b.mu.Unlock()
	if server != nil {
		// The error is that of a listener that nobody uses any more.
		_ = server.Close()
	}
}

// Last returns the newest request to a path that begins with prefix.
func (b *Backend) Last(t testing.TB, prefix string) BackendRequest {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, request := range slices.Backward(b.requests) {
		if strings.HasPrefix(request.Path, prefix) {
			return request
		}
	}
	t.Fatalf("no request to %s arrived", prefix)
	return BackendRequest{}
}

// ServeHTTP answers a request of the aggregator.
func (b *Backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.record(r)
	version, isVersion := strings.CutPrefix(r.URL.Path, "/apis/"+b.Group+"/")
	version, resource, _ := strings.Cut(version, "/")
	watch := r.URL.Query().Get("watch") != ""
	w.Header().Set("Content-Type", "application/json")
	var body string
	switch {
	case !isVersion:
		w.WriteHeader(http.StatusNotFound)
		body = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
	case resource == "":
		body = fmt.Sprintf(`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"%s/%s","resources":[`+
			`{"name":"echoes","singularName":"echo","namespaced":false,"kind":"Echo","verbs":["get","list","watch"]}]}`, b.Group, version)
	case watch:
		body = fmt.Sprintf(`{"type":"ADDED","object":%s}`+"\n", b.echo(version))
	default:
		body = fmt.Sprintf(`{"kind":"EchoList","apiVersion":"%s/%s","metadata":{"resourceVersion":"1"},"items":[%s]}`, b.Group, version, b.echo(version))
	}
	// What cannot be written has no reader any more.
	_, _ = io.WriteString(w, body) //nolint:gosec // No browser reads it.
	if watch {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func (b *Backend) echo(version string) string {
	return fmt.Sprintf(`{"kind":"Echo","apiVersion":"%s/%s","metadata":{"name":"first","resourceVersion":"1"}}`, b.Group, version)
}

func (b *Backend) record(r *http.Request) {
	request := BackendRequest{Path: r.URL.RequestURI(), Header: r.Header.Clone()}
	if len(r.TLS.PeerCertificates) > 0 {
		request.Certificate = r.TLS.PeerCertificates[0]
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, request)
}

// AwaitCode polls path until it is answered with code, and returns how long that
// took.
func (c *Client) AwaitCode(t testing.TB, timeout time.Duration, path string, code int) time.Duration {
	t.Helper()
	return Eventually(t, timeout, fmt.Sprintf("GET %s is answered with %d", path, code), func(ctx context.Context) error {
		got, body, err := c.Get(ctx, path)
		if err == nil && got != code {
			err = fmt.Errorf("it was answered with %d: %s", got, body)
		}
		return err
	})
}
