package aggregator_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"

	"github.com/kagg-project/kagg/aggregator"
)

// spanCollector is an OTLP collector that keeps what it is sent.
type spanCollector struct {
	collector.UnimplementedTraceServiceServer
	address string

	mu    sync.Mutex
	spans []*tracev1.Span
}

func newSpanCollector(t *testing.T) *spanCollector {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &spanCollector{address: l.Addr().String()}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c
}

// Export keeps spans.
func (c *spanCollector) Export(_ context.Context, req *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range req.ResourceSpans {
		for _, s := range r.ScopeSpans {
			c.spans = append(c.spans, s.Spans...)
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

// trace returns the spans of one trace, by name.
func (c *spanCollector) trace(id string) map[string]*tracev1.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]*tracev1.Span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.TraceId) == id {
			found[s.Name] = s
		}
	}
	return found
}

func tracingFile(t *testing.T, spec string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tracing.yaml")
	if err := os.WriteFile(file, []byte("apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\n"+spec), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const (
	traceID      = "0af7651916cd43dd8448eb211c80319c"
	localTraceID = "1bf7651916cd43dd8448eb211c80319c"
	parentID     = "b7ad6b7169203331"
)

// The client's trace goes on in kagg's spans and to the backend.
func TestTraceFromClientToBackend(t *testing.T) {
	t.Parallel()
	c := newSpanCollector(t)
	file := tracingFile(t, fmt.Sprintf("endpoint: %s\nsamplingRatePerMillion: 0\n", c.address))
	seen := make(chan string, 1)
	r, _ := scripted(t, func(c *aggregator.Config) { c.Observability.TracingConfigFile = file },
		func(_ http.ResponseWriter, req *http.Request) { seen <- req.Header.Get("Traceparent") })
	if got := r.get(widgetPath, "Traceparent", "00-"+traceID+"-"+parentID+"-01"); got.status != http.StatusOK {
		t.Fatal(got)
	}
	backend := strings.Split(<-seen, "-")
	if got := r.get("/api/v1/namespaces", "Traceparent", "00-"+localTraceID+"-"+parentID+"-01"); got.status != http.StatusOK {
		t.Fatal(got)
	}
	r.stop() // what is held back is sent then
	spans := c.trace(traceID)
	server, client := spans["GET /apis/"+group+"/v1/namespaces/{:namespace}/widgets"], spans["HTTP GET"]
	if server == nil || client == nil {
		t.Fatalf("spans are missing: %v", spans)
	}
	if got := hex.EncodeToString(server.ParentSpanId); got != parentID {
		t.Errorf("the request's span has the parent %s, want the client's %s", got, parentID)
	}
	if len(backend) != 4 || backend[1] != traceID || backend[2] != hex.EncodeToString(client.SpanId) {
		t.Errorf("the backend got the traceparent %v, want the span %x", backend, client.SpanId)
	}
	for _, name := range []string{"constrainedimpersonation", "authorization"} {
		if spans[name] == nil {
			t.Errorf("the filter %s has no span", name)
		}
	}
	// The request to the backend descends from the request to kagg.
	byID := map[string]*tracev1.Span{}
	for _, s := range spans {
		byID[string(s.SpanId)] = s
	}
	up := client
	for up != nil && up != server {
		up = byID[string(up.ParentSpanId)]
	}
	if up != server {
		t.Errorf("the span of the request to the backend does not descend from the request's")
	}
	if local := c.trace(localTraceID); local["GET /api/v1/namespaces"] == nil || local["List"] == nil {
		t.Errorf("a local request has no spans of its own: %v", local)
	}
}

// Who is not privileged starts a trace anew: its own is only linked, and without a
// sampling rate nothing of it is kept.
func TestStrangersDoNotDecideWhatIsTraced(t *testing.T) {
	t.Parallel()
	c := newSpanCollector(t)
	file := tracingFile(t, fmt.Sprintf("endpoint: %s\n", c.address))
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(tokens, []byte("secret,jane,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *aggregator.Config) { c.Observability.TracingConfigFile, c.TokenAuthFile = file, tokens })
	got := r.send(r.anonymous(), http.MethodGet, "/api/v1/namespaces", "", "Authorization", "Bearer secret", "Traceparent", "00-"+traceID+"-"+parentID+"-01")
	if got.status != http.StatusOK {
		t.Fatal(got)
	}
	r.stop()
	// Authentication itself is measured before it is known who asks.
	spans := c.trace(traceID)
	delete(spans, "authentication")
	if len(spans) > 0 {
		t.Errorf("traced: %v", spans)
	}
}

func TestBadTracingFilesAreInputErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ spec, want string }{
		{"samplingRatePerMillion: -1\n", "samplingRatePerMillion: Invalid value: -1"},
		{"endpoint: http://127.0.0.1:1\n", "endpoint: Invalid value"},
		{"endpiont: 127.0.0.1:1\n", `unknown field "endpiont"`},
	} {
		file := tracingFile(t, tt.spec)
		c := aggregator.Config{StateDir: t.TempDir()}
		c.Observability.TracingConfigFile = file
		_, err := aggregator.Start(t.Context(), c)
		var input *aggregator.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "--tracing-config-file "+file) {
			t.Errorf("want an InputError with the flag, the file and %q, got %v", tt.want, err)
		}
	}
}
