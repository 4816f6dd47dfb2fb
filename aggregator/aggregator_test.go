package aggregator_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistration "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/kagg-project/kagg/aggregator"
)

const (
	group      = "widgets.example.com"
	widgetPath = "/apis/" + group + "/v1/namespaces/default/widgets"
)

// served starts a rig with one backend that is available.
func served(t *testing.T, change func(*aggregator.Config)) (*rig, *fakeBackend) {
	t.Helper()
	r := newRig(t, change)
	b := r.backend("widgets", "api", widgets(group, "v1"))
	r.write("widgets.yaml", b.objects("widgets", "api", group, "v1"))
	r.waitCondition("v1."+group, "True")
	return r, b
}

func TestProxiesWithIdentity(t *testing.T) {
	t.Parallel()
	r, _ := served(t, nil)
	got := r.get(widgetPath+"?b=2&a=1", "X-Remote-User", "forged", "x-remote-group", "system:forged")
	if got.status != http.StatusOK {
		t.Fatal(got)
	}
	var echo struct {
		URI    string
		Header http.Header
	}
	if err := json.Unmarshal([]byte(got.body), &echo); err != nil {
		t.Fatal(err)
	}
	if want := widgetPath + "?a=1&b=2"; echo.URI != want {
		t.Errorf("backend was asked for %s, want %s", echo.URI, want)
	}
	want := map[string][]string{
		"X-Remote-User":  {"kubernetes-admin"},
		"X-Remote-Group": {"system:masters", "system:authenticated"},
		"Authorization":  nil,
	}
	for name, values := range want {
		if diff := cmp.Diff(values, echo.Header.Values(name)); diff != "" {
			t.Errorf("%s at the backend (-want +got):\n%s", name, diff)
		}
	}
	for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", "Audit-Id"} {
		if echo.Header.Get(name) == "" {
			t.Errorf("the backend got no %s", name)
		}
	}
}

func TestBackendStopsAndStarts(t *testing.T) {
	t.Parallel()
	r, b := served(t, nil)
	stopped := time.Now()
	b.stop()
	r.waitCondition("v1."+group, "False")
	t.Logf("stopped until not available: %v", time.Since(stopped))
	got := r.get(widgetPath)
	if got.status != http.StatusServiceUnavailable {
		t.Fatalf("want 503, got %v", got)
	}
	var status metav1.Status
	if err := json.Unmarshal([]byte(got.body), &status); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"v1." + group, "FailedDiscoveryCheck", b.address, "last probed"} {
		if !strings.Contains(status.Message, part) {
			t.Errorf("the message does not say %q: %s", part, status.Message)
		}
	}
	started := time.Now()
	b.start(b.address)
	r.waitCondition("v1."+group, "True")
	t.Logf("started until available: %v", time.Since(started))
	if got := r.get(widgetPath); got.status != http.StatusOK {
		t.Errorf("want 200, got %v", got)
	}
}

func TestUpstreamProfileHidesTheReason(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *aggregator.Config) { c.Profile = aggregator.ProfileUpstream })
	r.write("none.yaml", apiService("widgets", "none", group, "v1", 15))
	r.waitCondition("v1."+group, "False")
	got := r.get(widgetPath)
	if diff := cmp.Diff("service unavailable\n", got.body); diff != "" || got.status != http.StatusServiceUnavailable {
		t.Errorf("status %d, body (-want +got):\n%s", got.status, diff)
	}
}

func TestDiscoveryForms(t *testing.T) {
	t.Parallel()
	r, _ := served(t, nil)
	r.eventually("discovery", func() bool {
		return strings.Contains(r.get("/apis", "Accept", discovery.AcceptV2).body, `"widgets"`)
	})
	got := r.get("/apis", "Accept", discovery.AcceptV2)
	var list apidiscoveryv2.APIGroupDiscoveryList
	if err := json.Unmarshal([]byte(got.body), &list); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(list.Items))
	for _, g := range list.Items {
		names = append(names, g.Name)
	}
	if names[0] != "apiregistration.k8s.io" || names[len(names)-1] != group {
		t.Errorf("groups in the wrong order: %v", names)
	}
	if again := r.get("/apis", "Accept", discovery.AcceptV2, "If-None-Match", got.header.Get("Etag")); again.status != http.StatusNotModified {
		t.Errorf("the same ETag gave %d", again.status)
	}
	for _, accept := range []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor"} {
		got := r.get("/apis", "Accept", accept+";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
		if want := accept + ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"; got.status != http.StatusOK || got.header.Get("Content-Type") != want {
			t.Errorf("aggregated in %s: %d %s", accept, got.status, got.header.Get("Content-Type"))
		}
	}
	for _, accept := range []string{"application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor", "application/json"} {
		if got := r.get("/apis", "Accept", accept); got.status != http.StatusOK || got.header.Get("Content-Type") != accept {
			t.Errorf("Accept %s: %d %s", accept, got.status, got.header.Get("Content-Type"))
		}
	}
	var one metav1.APIGroup
	if err := json.Unmarshal([]byte(r.get("/apis/"+group).body), &one); err != nil || one.PreferredVersion.Version != "v1" {
		t.Errorf("%v: %+v", err, one)
	}
	if got := r.get("/apis/unknown.example.com"); got.status != http.StatusNotFound {
		t.Errorf("an unknown group gave %d", got.status)
	}
}

func TestFileEditsAreLive(t *testing.T) {
	t.Parallel()
	r, b := served(t, nil)
	edited := time.Now()
	r.write("more.yaml", apiService("widgets", "api", group, "v2", 20))
	r.waitFor("v2", func(s *aggregator.Snapshot) bool { _, ok := s.Conditions["v2."+group]; return ok })
	t.Logf("edit until live: %v", time.Since(edited))

	r.write("bad.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {portz: []}\n")
	r.waitEvent("files", "portz")

	r.write("more.yaml", apiService("widgets", "api", group, "v2", 10))
	r.eventually("priority", func() bool {
		var one metav1.APIGroup
		if err := json.Unmarshal([]byte(r.get("/apis/"+group).body), &one); err != nil {
			t.Error(err)
		}
		return one.PreferredVersion.Version == "v1" && len(one.Versions) == 2
	})
	if err := os.Remove(filepath.Join(r.objects, "more.yaml")); err != nil {
		t.Fatal(err)
	}
	r.waitFor("removal", func(s *aggregator.Snapshot) bool { _, ok := s.Conditions["v2."+group]; return !ok })
	if got := r.get("/apis/" + group + "/v1"); got.status != http.StatusOK {
		t.Errorf("the other file's objects should stay: %v", got)
	}
	r.write("bad.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: [{port: 1}]}\n")
	r.waitEvent("files", "bad.yaml: no errors any more")
	if n := r.countEvents("files", "portz"); n != 1 {
		t.Errorf("the bad file was told of %d times", n)
	}
	_ = b
}

func TestConditionsAreOnTheAPIService(t *testing.T) {
	t.Parallel()
	r, b := served(t, nil)
	client := apiregistration.NewForConfigOrDie(r.admin).ApiregistrationV1().APIServices()
	watch, err := client.Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=v1." + group})
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Stop()
	b.stop()
	deadline := time.After(patience)
	for {
		a, err := client.Get(t.Context(), "v1."+group, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(a.Status.Conditions, func(c apiregistrationv1.APIServiceCondition) bool { return c.Reason == "FailedDiscoveryCheck" }); i >= 0 {
			if a.Status.Conditions[i].LastTransitionTime.IsZero() {
				t.Error("the condition has no transition time")
			}
			return
		}
		select {
		case <-watch.ResultChan():
		case <-deadline:
			t.Fatalf("the condition was not written: %+v", a.Status)
		}
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	r, _ := served(t, nil)
	v2 := r.get("/openapi/v2")
	if v2.status != http.StatusOK || !strings.Contains(v2.body, "io.k8s.api.core.v1.ConfigMap") {
		t.Errorf("v2: %d, %d bytes", v2.status, len(v2.body))
	}
	if again := r.get("/openapi/v2", "If-None-Match", v2.header.Get("Etag")); again.status != http.StatusNotModified {
		t.Errorf("the same ETag gave %d", again.status)
	}
	index := r.get("/openapi/v3")
	if index.status != http.StatusOK || !strings.Contains(index.body, "apis/apiregistration.k8s.io/v1") {
		t.Errorf("v3: %v", index)
	}
	if got := r.get("/openapi/v3/api/v1"); got.status != http.StatusOK || !strings.Contains(got.body, `"openapi"`) {
		t.Errorf("v3 of api/v1: %d", got.status)
	}
	if got := r.get("/openapi/v3/apis/unknown/v1"); got.status != http.StatusNotFound {
		t.Errorf("v3 of an unknown group-version: %d", got.status)
	}
	r.waitEvent("backend/widgets/api:443", "serves no OpenAPI document")
	if n := r.countEvents("backend/widgets/api:443", "serves no OpenAPI document"); n != 1 {
		t.Errorf("a missing document was told of %d times", n)
	}
}

func TestAuthentication(t *testing.T) {
	t.Parallel()
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(tokens, []byte("secret,alice,1,\"dev\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _ := served(t, func(c *aggregator.Config) { c.TokenAuthFile = tokens })
	ask := func(path, token string) answer {
		t.Helper()
		stranger, err := rest.HTTPClientFor(rest.AnonymousClientConfig(r.admin))
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.aggregator.URL()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		return r.do(stranger, req)
	}
	if got := ask("/apis", ""); got.status != http.StatusUnauthorized || !strings.Contains(got.body, `"Unauthorized"`) {
		t.Errorf("a stranger got %v", got)
	}
	if got := ask("/readyz", ""); got.status != http.StatusOK {
		t.Errorf("health should be open: %v", got)
	}
	if got := ask(widgetPath, "secret"); got.status != http.StatusOK || !strings.Contains(got.body, "alice") || strings.Contains(got.body, "secret") {
		t.Errorf("a token's user: %v", got)
	}
	if err := os.WriteFile(tokens, []byte("other,bob,2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.eventually("the changed token file", func() bool { return ask(widgetPath, "other").status == http.StatusOK })
	if got := ask(widgetPath, "secret"); got.status != http.StatusUnauthorized {
		t.Errorf("a removed token still works: %d", got.status)
	}
}

func TestMetricsAndIndex(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	// A group of its own: metrics are of the process, and tests run side by side.
	const name = "v1.metrics.example.com"
	r.write("none.yaml", apiService("widgets", "none", "metrics.example.com", "v1", 15))
	r.eventually("metric", func() bool {
		return strings.Contains(r.get("/metrics").body, `aggregator_unavailable_apiservice{name="`+name+`"} 1`)
	})
	if got := r.get("/readyz?verbose"); !strings.Contains(got.body, "generation "+got.header.Get("Kagg-Generation")) {
		t.Errorf("readyz does not tell the generation: %v", got)
	}
	var root metav1.RootPaths
	if err := json.Unmarshal([]byte(r.get("/").body), &root); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/apis/metrics.example.com", "/apis/metrics.example.com/v1", "/api/v1", "/metrics", "/readyz"} {
		if !slices.Contains(root.Paths, path) {
			t.Errorf("/ does not list %s", path)
		}
	}
}

func TestInputErrorsStopTheStart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(file, []byte(apiService("a", "b", group, "v1", -1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := aggregator.Start(t.Context(), aggregator.Config{StateDir: t.TempDir(), Filenames: []string{file}})
	var input *aggregator.InputError
	if !errors.As(err, &input) || !strings.Contains(err.Error(), "bad.yaml:") {
		t.Errorf("want an InputError that names the file, got %v", err)
	}
}

// A start that fails leaves nothing running, however far it came.
//
//nolint:paralleltest // it counts the goroutines of the process
func TestFailedStartLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	refused := filepath.Join(folder, "refused.yaml")
	// Well-formed, and refused by the API: a name that is no DNS label.
	if err := os.WriteFile(refused, []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: Upper_Case}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	attempt := func() {
		_, err := aggregator.Start(t.Context(), aggregator.Config{StateDir: filepath.Join(folder, "state"), Filenames: []string{refused}})
		var input *aggregator.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), "refused.yaml:1") {
			t.Fatalf("want an InputError that names the file, got %v", err)
		}
	}
	attempt() // what starts once in a process
	before := runtime.NumGoroutine()
	for range 5 {
		attempt()
	}
	deadline := time.Now().Add(patience)
	for runtime.NumGoroutine() > before+2 {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
		}
		runtime.Gosched()
	}
}
