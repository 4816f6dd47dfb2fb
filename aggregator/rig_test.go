package aggregator_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/pki"
)

// TestMain keeps the libraries' log out of the tests' output.
func TestMain(m *testing.M) {
	klog.SetSlogLogger(slog.New(slog.DiscardHandler))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	os.Exit(m.Run())
}

// patience is how long a test waits for what should happen at once: only a
// failing test waits that long. With the race detector, on a busy machine, the
// first OpenAPI v2 document alone takes a quarter of a minute.
const patience = 2 * time.Minute

// stopPatience is how long a stop may take that waits for no request: one that
// does takes shutdownTimeout.
const stopPatience = 9 * time.Second

// rig is a running aggregator with a folder of objects.
type rig struct {
	t          *testing.T
	stateDir   string
	objects    string
	aggregator *aggregator.Aggregator
	admin      *rest.Config
	client     *http.Client
	stop       func() // ends the aggregator and waits for the end

	mu     sync.Mutex
	events []aggregator.Event
	heard  chan struct{}
}

func newRig(t *testing.T, change func(*aggregator.Config)) *rig {
	t.Helper()
	r := &rig{t: t, stateDir: t.TempDir(), objects: t.TempDir(), heard: make(chan struct{}, 1)}
	config := aggregator.Config{StateDir: r.stateDir, Filenames: []string{r.objects}, OnEvent: r.hear}
	if change != nil {
		change(&config)
	}
	r.write("namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: widgets}\n")
	ctx, cancel := context.WithCancel(context.Background())
	a, err := aggregator.Start(ctx, config)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	r.aggregator = a
	r.stop = func() {
		cancel()
		a.Wait()
	}
	t.Cleanup(r.stop)
	r.connect()
	return r
}

// connect makes the administrator's client from the kubeconfig.
func (r *rig) connect() {
	r.t.Helper()
	var err error
	if r.admin, err = clientcmd.BuildConfigFromFlags("", filepath.Join(r.stateDir, "kubeconfig")); err != nil {
		r.t.Fatal(err)
	}
	if r.client, err = rest.HTTPClientFor(r.admin); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) hear(e aggregator.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	select {
	case r.heard <- struct{}{}:
	default:
	}
}

// waitEvent waits for an event that contains both texts.
func (r *rig) waitEvent(subject, message string) {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		for _, e := range r.events {
			if strings.Contains(e.Subject, subject) && strings.Contains(e.Message, message) {
				r.mu.Unlock()
				return
			}
		}
		seen := fmt.Sprint(r.events)
		r.mu.Unlock()
		select {
		case <-r.heard:
		case <-deadline:
			r.t.Fatalf("no event %q with %q; there were: %s", subject, message, seen)
		}
	}
}

// countEvents counts the events that contain both texts.
func (r *rig) countEvents(subject, message string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if strings.Contains(e.Subject, subject) && strings.Contains(e.Message, message) {
			n++
		}
	}
	return n
}

// write makes or replaces a file of objects, as an editor does: by rename.
func (r *rig) write(name, content string) {
	r.t.Helper()
	temporary := filepath.Join(r.t.TempDir(), name)
	if err := os.WriteFile(temporary, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(temporary, filepath.Join(r.objects, name)); err != nil {
		r.t.Fatal(err)
	}
}

// waitFor waits for a snapshot.
func (r *rig) waitFor(what string, done func(*aggregator.Snapshot) bool) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	if _, err := r.aggregator.WaitFor(ctx, done); err != nil {
		r.t.Fatalf("waiting for %s: %v; conditions: %v", what, err, r.aggregator.Snapshot().Conditions)
	}
}

// eventually asks again and again until done is true, for what no event tells.
func (r *rig) eventually(what string, done func() bool) {
	r.t.Helper()
	err := wait.PollUntilContextTimeout(r.t.Context(), 5*time.Millisecond, patience, true,
		func(context.Context) (bool, error) { return done(), nil })
	if err != nil {
		r.t.Fatalf("waiting for %s: %v", what, err)
	}
}

func (r *rig) waitCondition(apiService, status string) {
	r.t.Helper()
	r.waitFor(apiService+" "+status, func(s *aggregator.Snapshot) bool {
		c, ok := s.Conditions[apiService]
		return ok && string(c.Status) == status
	})
}

type answer struct {
	status int
	header http.Header
	body   string
}

// get asks as the administrator.
func (r *rig) get(path string, header ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.aggregator.URL()+path, http.NoBody)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	return r.do(r.client, req)
}

func (r *rig) do(client *http.Client, req *http.Request) answer {
	r.t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// fakeBackend is a scripted custom apiserver behind TLS, with a certificate of
// the rig's CA. A fake, since a test needs it to fail on command.
type fakeBackend struct {
	address string
	server  *httptest.Server
	handler http.Handler
	config  *tls.Config
	t       *testing.T
}

func (r *rig) backend(namespace, service string, h http.Handler) *fakeBackend {
	r.t.Helper()
	return r.backendFor(tls.RequireAndVerifyClientCert, namespace, service, h)
}

// backendFor is a backend that asks its clients for certificates so.
func (r *rig) backendFor(clients tls.ClientAuthType, namespace, service string, h http.Handler) *fakeBackend {
	r.t.Helper()
	state, err := pki.Ensure(r.stateDir, pki.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	certFile, keyFile, err := state.IssueServing(namespace, service)
	if err != nil {
		r.t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		r.t.Fatal(err)
	}
	ca, err := os.ReadFile(state.FrontProxyCA.CertFile)
	if err != nil {
		r.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	b := &fakeBackend{t: r.t, handler: h, config: &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: clients, MinVersion: tls.VersionTLS12,
	}}
	b.start("127.0.0.1:0")
	r.t.Cleanup(b.stop)
	return b
}

func (b *fakeBackend) start(address string) {
	b.t.Helper()
	var l net.Listener
	// The port of one that was stopped may be another test's for a while.
	eventually(b.t, "listening on "+address, func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(b.t.Context(), "tcp", address)
		return err
	})
	b.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: b.handler, ReadHeaderTimeout: patience}, TLS: b.config.Clone(), EnableHTTP2: true}
	b.server.StartTLS()
	b.address = l.Addr().String()
}

// stop ends the server and every connection, as a killed process does, one that is being accepted too.
func (b *fakeBackend) stop() { _ = b.server.Config.Close() }

// objects names the backend in YAML: a Service, its slice, and an APIService for
// each version.
func (b *fakeBackend) objects(namespace, service, group string, versions ...string) string {
	_, port, err := net.SplitHostPort(b.address)
	if err != nil {
		b.t.Fatal(err)
	}
	out := fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec: {ports: [{port: 443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[2]s-1, namespace: %[1]s, labels: {kubernetes.io/service-name: %[2]s}}
addressType: IPv4
endpoints: [{addresses: [127.0.0.1]}]
ports: [{port: %[3]s}]
`, namespace, service, port)
	for _, v := range versions {
		out += apiService(namespace, service, group, v, 15)
	}
	return out
}

func apiService(namespace, service, group, version string, priority int) string {
	return fmt.Sprintf(`
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: %[4]s.%[3]s}
spec: {group: %[3]s, version: %[4]s, groupPriorityMinimum: 1000, versionPriority: %[5]d, service: {namespace: %[1]s, name: %[2]s}}
`, namespace, service, group, version, priority)
}

// widgets answers discovery in the legacy form, OpenAPI v2, and everything below
// the group-versions with what it received.
func widgets(group string, versions ...string) http.Handler {
	mux := http.NewServeMux()
	for _, v := range versions {
		path := "/apis/" + group + "/" + v
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"%s/%s","resources":[{"name":"widgets","singularName":"widget","namespaced":true,"kind":"Widget","verbs":["get","list"]}]}`, group, v)
		})
		mux.HandleFunc(path+"/", func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{"uri": req.RequestURI, "header": req.Header, "method": req.Method})
		})
	}
	return mux
}
