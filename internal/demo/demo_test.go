package demo_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"github.com/google/go-cmp/cmp"
	"k8s.io/kube-openapi/pkg/util/proto"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/kagg-project/kagg/internal/demo"
)

const apples = "/apis/orchard.demo.kagg.dev/v1/namespaces/default/apples"

// world is a demo behind a fake kagg.
type world struct {
	core             *core
	demo             *demo.Demo
	orchard, weather string // URLs
}

// newWorld starts the demo first and what it depends on after, as kagg does.
func newWorld(t *testing.T) *world {
	t.Helper()
	c := newCore(t)
	ca, err := os.ReadFile(c.state.FrontProxyCA.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, err := demo.Start(ctx, demo.Options{
		Kubeconfig:      c.state.APIServerKubeconfig,
		RequestHeaderCA: ca,
		Certificate: func(namespace, service string) (string, string, error) {
			return c.state.IssueServing(namespace, service)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.start(t)
	t.Cleanup(func() {
		cancel()
		if err := d.Wait(); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	servers := d.Servers()
	return &world{core: c, demo: d, orchard: "https://" + servers[0].Address, weather: "https://" + servers[1].Address}
}

func pool(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", file)
	}
	return pool
}

// get returns the body of a GET that must be answered with 200.
func get(t *testing.T, f *frontProxy, url string, headers ...string) string {
	t.Helper()
	code, body := f.do(t, request(t.Context(), t, http.MethodGet, url, "alice", nil, headers...))
	if code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", url, code, body)
	}
	return body
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var out T
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("cannot decode a %T: %v\n%s", out, err, body)
	}
	return out
}

func TestServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	servers := w.demo.Servers()
	for i := range servers {
		if !strings.HasPrefix(servers[i].Address, "127.0.0.1:") {
			t.Errorf("%s listens on %s, 127.0.0.1 was wanted", servers[i].Service, servers[i].Address)
		}
		servers[i].Address = ""
	}
	want := []demo.Server{
		{Namespace: "demo", Service: "orchard", APIServices: []string{"v1.orchard.demo.kagg.dev", "v1beta1.orchard.demo.kagg.dev"}},
		{Namespace: "demo", Service: "weather", APIServices: []string{"v1.weather.demo.kagg.dev"}},
	}
	if diff := cmp.Diff(want, servers); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
}

func TestStartNamesTheMissingCertificate(t *testing.T) {
	t.Parallel()
	_, err := demo.Start(t.Context(), demo.Options{Certificate: func(string, string) (string, string, error) {
		return "", "", errors.New("the CA is on holiday")
	}})
	want := "no serving certificate for the demo service demo/orchard: the CA is on holiday"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestStartRefusesAnEmptyFrontProxyCA(t *testing.T) {
	t.Parallel()
	c := newCore(t)
	_, err := demo.Start(t.Context(), demo.Options{
		Kubeconfig:  c.state.APIServerKubeconfig,
		Certificate: func(n, s string) (string, string, error) { return c.state.IssueServing(n, s) },
	})
	if err == nil || !strings.Contains(err.Error(), "requestheader-client-ca-file") {
		t.Errorf("got %v, want an error that says which file to pass", err)
	}
}

func TestDemoEndsBeforeKaggCame(t *testing.T) {
	t.Parallel()
	c := newCore(t)
	ca, err := os.ReadFile(c.state.FrontProxyCA.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	d, err := demo.Start(ctx, demo.Options{
		Kubeconfig: c.state.APIServerKubeconfig, RequestHeaderCA: ca,
		Certificate: func(n, s string) (string, string, error) { return c.state.IssueServing(n, s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := d.Wait(); err != nil {
		t.Errorf("Wait returned %v, nil was wanted", err)
	}
}

// checkV2 parses an OpenAPI v2 document as kube-openapi and as kubectl do.
func checkV2(t *testing.T, body, definition string) {
	t.Helper()
	var swagger spec.Swagger
	if err := json.Unmarshal([]byte(body), &swagger); err != nil {
		t.Fatal(err)
	}
	if _, ok := swagger.Definitions[definition]; !ok {
		t.Errorf("no definition %s", definition)
	}
	document, err := openapi_v2.ParseDocument([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	models, err := proto.NewOpenAPIData(document)
	if err != nil {
		t.Fatal(err)
	}
	if models.LookupModel(definition) == nil {
		t.Errorf("kubectl's parser finds no model %s", definition)
	}
}
