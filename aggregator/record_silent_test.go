package aggregator

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
)

// A backend that fails its probes is not asked for a recording, which would wait
// for it; what is known of it is recorded.
func TestRecordingWaitsForNobodyWhoIsDown(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	const served = `{"swagger":"2.0","info":{"title":"t","version":"1"},"paths":{}}`
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write([]byte(served))
	}))
	defer server.Close()
	transport, err := proxy.NewTransport(proxy.TLS{InsecureSkipVerify: true}, proxy.TransportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer transport.Close()
	document, err := openapimerge.ReadDocument([]byte(served))
	if err != nil {
		t.Fatal(err)
	}
	for failure, want := range map[string]int64{"": 1, "context deadline exceeded": 0} {
		asked.Store(0)
		v := backendView{transport: transport, seen: &observation{
			probes: map[schema.GroupVersion]availability.ProbeResult{{Group: "a.example", Version: "v1"}: {Done: true, Failure: failure}},
			v2:     openAPIV2{document: document},
		}}
		v.spec.resolution.Hosts = []string{strings.TrimPrefix(server.URL, "https://")}
		b, err := recordBackend(t.Context(), v, &Registry{}, RecordOptions{})
		if err != nil || asked.Load() != want || !strings.Contains(string(b.OpenAPIV2), `"title":"t"`) {
			t.Errorf("probes say %q: asked %d times, want %d; %s, %v", failure, asked.Load(), want, b.OpenAPIV2, err)
		}
	}
}
