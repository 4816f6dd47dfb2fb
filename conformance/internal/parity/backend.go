package parity

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/yaml"
)

// markHeader tells which of the scenario's requests a backend received. Both servers pass it on.
const markHeader = "Scenario-Request"

// received is what a backend was sent.
type received struct {
	Method, Target, Proto string
	Header                http.Header
	Trailer               http.Header
	Body                  []byte
	// Left is closed when the client has left or the request has been answered.
	left <-chan struct{}
}

// scriptedBackend answers one of the two servers by a script.
type scriptedBackend struct {
	name  string
	dir   string
	tls   *tls.Config
	http1 bool

	mu       sync.Mutex
	answers  []Answer
	received map[string]*received // by the mark
	address  string
	server   *http.Server
}

// start listens on the reserved port.
func (b *scriptedBackend) start(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil {
		return fmt.Errorf("backend %s is running", b.name)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", b.address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: b, TLSConfig: b.tls.Clone(), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	if b.http1 {
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
		server.TLSConfig.NextProtos = []string{"http/1.1"}
	}
	b.server = server
	go func() { _ = server.ServeTLS(l, "", "") }()
	return nil
}

func (b *scriptedBackend) stop() {
	b.mu.Lock()
	server := b.server
	b.server = nil
	b.mu.Unlock()
	if server != nil {
		_ = server.Close()
	}
}

func (b *scriptedBackend) script(answers []Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = answers
}

func (b *scriptedBackend) port() string {
	_, port, _ := net.SplitHostPort(b.address)
	return port
}

// take returns and forgets what came with a mark.
func (b *scriptedBackend) take(mark string) *received {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.received[mark]
	delete(b.received, mark)
	return r
}

// ServeHTTP implements http.Handler.
func (b *scriptedBackend) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	answer := b.find(req)
	var body []byte
	if !answer.Echo || req.Header.Get(markHeader) != "" {
		body, _ = io.ReadAll(req.Body)
	}
	if mark := req.Header.Get(markHeader); mark != "" {
		b.record(mark, req, body)
	}
	if answer.Upgrade != "" {
		upgrade(w, answer)
		return
	}
	for _, code := range answer.Informational {
		w.WriteHeader(code)
	}
	b.answer(w, req, answer, body)
}

func (b *scriptedBackend) record(mark string, req *http.Request, body []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.received[mark] = &received{
		Method: req.Method, Target: req.RequestURI, Proto: req.Proto, Header: req.Header.Clone(),
		Trailer: req.Trailer.Clone(), Body: body, left: req.Context().Done(),
	}
	b.received[mark].Header.Set("Host", req.Host)
}

// find returns the first answer that matches.
func (b *scriptedBackend) find(req *http.Request) Answer {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.answers {
		if matches(a.Path, req.URL.Path) && (a.Method == "" || a.Method == req.Method) &&
			strings.Contains(req.Header.Get("Accept"), a.Accept) {
			return a
		}
	}
	return Answer{Status: http.StatusNotFound, Body: "404 page not found\n", Headers: map[string]string{"Content-Type": "text/plain; charset=utf-8"}}
}

// matches tells whether text is what pattern says; each * in it stands for anything.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == "" || pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		if !ok {
			return false
		}
		_, text, ok = strings.Cut(text, part)
	}
	return ok && strings.HasSuffix(text, parts[len(parts)-1])
}

func (b *scriptedBackend) answer(w http.ResponseWriter, req *http.Request, a Answer, body []byte) {
	header := w.Header()
	for name, value := range a.Headers {
		header.Set(name, value)
	}
	for name := range a.Trailers {
		header.Add("Trailer", name)
	}
	if a.ETag != "" {
		header.Set("ETag", a.ETag)
		if req.Header.Get("If-None-Match") == a.ETag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	content, err := b.content(a, body)
	if media := mediaType(a); media != "" && header.Get("Content-Type") == "" {
		header.Set("Content-Type", media)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if a.Then == "hang" && len(content) == 0 && a.Status == 0 && len(a.Events) == 0 {
		<-req.Context().Done()
		return
	}
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	_, _ = w.Write(content)
	b.finish(w, req, a)
}

// finish sends the events and does what follows them.
func (b *scriptedBackend) finish(w http.ResponseWriter, req *http.Request, a Answer) {
	flush := http.NewResponseController(w).Flush
	if len(a.Events) > 0 || a.Then != "" {
		_ = flush()
	}
	for _, event := range a.Events {
		select {
		case <-req.Context().Done():
			return
		case <-time.After(a.Pause.Duration):
		}
		_, _ = io.WriteString(w, event+"\n")
		_ = flush()
	}
	for name, value := range a.Trailers {
		w.Header().Set(name, value)
	}
	switch a.Then {
	case "hang":
		<-req.Context().Done()
	case "reset":
		panic(http.ErrAbortHandler)
	}
}

// mediaType is what an answer is of its own.
func mediaType(a Answer) string {
	switch {
	case a.Aggregated != nil:
		return "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	case a.Resources != "", a.JSON != nil:
		return "application/json"
	default:
		return ""
	}
}

// content is the body of an answer.
func (b *scriptedBackend) content(a Answer, body []byte) ([]byte, error) {
	switch {
	case a.Echo:
		return body, nil
	case a.Bytes > 0:
		return bytes.Repeat([]byte("0123456789abcdef"), a.Bytes/16+1)[:a.Bytes], nil
	case a.Resources != "":
		return legacyDocument(a.Resources)
	case a.Aggregated != nil:
		return aggregatedDocument(a.Aggregated)
	case a.JSON != nil:
		return json.Marshal(a.JSON)
	case a.File == "":
		return []byte(a.Body), nil
	}
	data, err := os.ReadFile(filepath.Join(b.dir, a.File))
	if err == nil && strings.HasSuffix(a.File, ".yaml") {
		data, err = yaml.YAMLToJSON(data)
	}
	return data, err
}

// upgrade switches protocols and echoes what comes until either side leaves.
func upgrade(w http.ResponseWriter, a Answer) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(buffered, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n", a.Upgrade)
	for name, value := range a.Headers {
		_, _ = fmt.Fprintf(buffered, "%s: %s\r\n", name, value)
	}
	_, _ = io.WriteString(buffered, "\r\n")
	_ = buffered.Flush()
	_, _ = io.Copy(conn, buffered)
}

// clientCAs sets whose certificates the backend asks for.
func clientCAs(config *tls.Config, mode string, frontProxyCA []byte) error {
	pool := x509.NewCertPool()
	switch mode {
	case "", "requested":
		config.ClientAuth = tls.RequestClientCert
		return nil
	case "required":
		pool.AppendCertsFromPEM(frontProxyCA)
	case "refused":
	default:
		return fmt.Errorf("clientCertificate %q: use requested, required or refused", mode)
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, pool
	return nil
}
