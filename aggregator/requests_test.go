package aggregator_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/pki"
)

// scripted starts a rig whose backend answers discovery, and everything else by h.
func scripted(t *testing.T, change func(*aggregator.Config), h http.HandlerFunc) (*rig, *fakeBackend) {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/", h)
	discovery := widgets(group, "v1")
	for _, path := range []string{"/apis", "/apis/" + group + "/v1", "/openapi/v2", "/openapi/v3"} {
		mux.Handle(path, discovery)
	}
	r := newRig(t, change)
	b := r.backend("widgets", "api", mux)
	r.write("widgets.yaml", b.objects("widgets", "api", group, "v1"))
	r.waitCondition("v1."+group, "True")
	return r, b
}

func TestWatchIsStreamed(t *testing.T) {
	t.Parallel()
	events := make(chan string)
	gone := make(chan struct{})
	r, _ := scripted(t, nil, func(w http.ResponseWriter, req *http.Request) {
		defer close(gone)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case <-req.Context().Done():
				return
			case e := <-events:
				_, _ = io.WriteString(w, e+"\n")
				_ = http.NewResponseController(w).Flush()
			}
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.aggregator.URL()+widgetPath+"?watch=true", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	// The headers come though there is no event yet, else Do would not return.
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		want := fmt.Sprintf(`{"type":"ADDED","n":%d}`, i)
		events <- want
		got, err := lines.ReadString('\n')
		if err != nil || strings.TrimSpace(got) != want {
			t.Fatalf("event %q, %v; want %q", got, err, want)
		}
	}
	cancel()
	select {
	case <-gone:
	case <-time.After(patience):
		t.Error("the backend was not told that the client left")
	}
}

func TestWatchEndsWithTheAggregator(t *testing.T) {
	t.Parallel()
	stateDir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a, err := aggregator.Start(ctx, aggregator.Config{StateDir: stateDir})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, stateDir: stateDir, aggregator: a}
	r.connect()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+"/api/v1/namespaces?watch=true", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	start := time.Now()
	cancel()
	_, _ = io.Copy(io.Discard, resp.Body)
	a.Wait()
	if took := time.Since(start); took > stopPatience {
		t.Errorf("an open watch held the stop up for %v", took)
	}
}

func TestWebSocketUpgrade(t *testing.T) {
	t.Parallel()
	users := make(chan string, 1)
	r, _ := scripted(t, nil, func(w http.ResponseWriter, req *http.Request) {
		users <- req.Header.Get("X-Remote-User")
		upgrader := websocket.Upgrader{}
		c, err := upgrader.Upgrade(w, req, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.Close() }()
		for {
			kind, message, err := c.ReadMessage()
			if err != nil {
				return
			}
			if err := c.WriteMessage(kind, append([]byte("echo "), message...)); err != nil {
				return
			}
		}
	})
	config, err := rest.TLSConfigFor(r.admin)
	if err != nil {
		t.Fatal(err)
	}
	dialer := websocket.Dialer{TLSClientConfig: config}
	c, resp, err := dialer.DialContext(t.Context(), "wss"+strings.TrimPrefix(r.aggregator.URL(), "https")+widgetPath+"/a/exec", http.Header{"X-Remote-User": {"forged"}})
	if err != nil {
		t.Fatalf("%v: %+v", err, resp)
	}
	defer func() { _ = c.Close() }()
	if err := c.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.ReadMessage(); err != nil || string(got) != "echo hello" {
		t.Errorf("%q, %v", got, err)
	}
	if user := <-users; user != "kubernetes-admin" {
		t.Errorf("the backend saw the user %q", user)
	}
}

func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	r, _ := scripted(t, nil, func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/same") {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		http.Redirect(w, req, "https://169.254.169.254/", http.StatusFound)
	})
	if got := r.get(widgetPath + "/away"); got.status != http.StatusBadGateway || got.header.Get("Location") != "" {
		t.Errorf("a redirect came through: %v", got)
	}
	if got := r.get(widgetPath + "/same"); got.status != http.StatusNotModified {
		t.Errorf("304 did not come through: %v", got)
	}
}

func TestImpersonation(t *testing.T) {
	t.Parallel()
	seen := make(chan http.Header, 1)
	r, _ := scripted(t, nil, func(_ http.ResponseWriter, req *http.Request) { seen <- req.Header.Clone() })
	got := r.get(widgetPath, "Impersonate-User", "jane", "Impersonate-Uid", "42", "Impersonate-Group", "a", "Impersonate-Group", "b",
		"Impersonate-Extra-Example.com%2Fscope", "x y")
	if got.status != http.StatusOK {
		t.Fatal(got)
	}
	h := <-seen
	for name, want := range map[string][]string{
		"X-Remote-User":                         {"jane"},
		"X-Remote-Uid":                          {"42"},
		"X-Remote-Group":                        {"a", "b", "system:authenticated"},
		"X-Remote-Extra-Example.com%2fscope":    {"x y"},
		"Impersonate-User":                      nil,
		"Impersonate-Group":                     nil,
		"Impersonate-Extra-Example.com%2fscope": nil,
	} {
		if diff := cmp.Diff(want, h.Values(name)); diff != "" {
			t.Errorf("%s at the backend (-want +got):\n%s", name, diff)
		}
	}
}

func TestBodiesAreStreamed(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	first := make(chan struct{})
	r, _ := scripted(t, nil, func(w http.ResponseWriter, req *http.Request) {
		one := make([]byte, 1)
		_, _ = io.ReadFull(req.Body, one)
		close(first)
		n, _ := io.Copy(io.Discard, req.Body)
		_, _ = fmt.Fprint(w, n+1)
	})
	reader, writer := io.Pipe()
	go func() {
		_, _ = writer.Write([]byte("x"))
		// The rest is held back until the backend has seen the first byte.
		<-first
		_, _ = writer.Write(bytes.Repeat([]byte("y"), size-1))
		_ = writer.Close()
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.aggregator.URL()+widgetPath, reader)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.do(r.client, req); got.body != fmt.Sprint(size) {
		t.Errorf("the backend read %s bytes of %d", got.body, size)
	}
}

func TestFrontProxyCertificateIsPickedUpLive(t *testing.T) {
	t.Parallel()
	stranger, err := pki.Ensure(t.TempDir(), pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	cert, key := filepath.Join(folder, "proxy.crt"), filepath.Join(folder, "proxy.key")
	copyFile(t, stranger.FrontProxyClient.CertFile, cert)
	copyFile(t, stranger.FrontProxyClient.KeyFile, key)
	r := newRig(t, func(c *aggregator.Config) { c.ProxyClientCertFile, c.ProxyClientKeyFile = cert, key })
	b := r.backend("widgets", "api", widgets(group, "v1"))
	r.write("widgets.yaml", b.objects("widgets", "api", group, "v1"))
	r.waitCondition("v1."+group, "False")
	r.waitEvent("front proxy", "--requestheader-client-ca-file")
	copyFile(t, r.aggregator.State().FrontProxyClient.KeyFile, key)
	copyFile(t, r.aggregator.State().FrontProxyClient.CertFile, cert)
	r.waitCondition("v1."+group, "True")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	temporary := to + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temporary, to); err != nil {
		t.Fatal(err)
	}
}

func TestTwoAPIServicesShareOneFetch(t *testing.T) {
	t.Parallel()
	const versions = 20
	fetched := make(chan string, 1024)
	mux := http.NewServeMux()
	mux.HandleFunc("/openapi/v2", func(w http.ResponseWriter, req *http.Request) {
		fetched <- req.Header.Get("If-None-Match")
		w.Header().Set("Etag", `"one"`)
		if req.Header.Get("If-None-Match") == `"one"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, `{"swagger":"2.0","info":{"title":"w","version":"1"},"paths":{}}`)
	})
	names := make([]string, 0, versions)
	for i := range versions {
		names = append(names, fmt.Sprintf("v%d", i+1))
	}
	mux.Handle("/", widgets(group, names...))
	r := newRig(t, nil)
	b := r.backend("widgets", "api", mux)
	r.write("widgets.yaml", b.objects("widgets", "api", group, names...))
	for _, name := range names {
		r.waitCondition(name+"."+group, "True")
	}
	r.eventually("everything asked", func() bool { return r.get("/readyz").status == http.StatusOK })
	if got := r.get("/openapi/v2"); got.status != http.StatusOK {
		t.Fatal(got)
	}
	whole := 0
	for len(fetched) > 0 {
		if <-fetched == "" {
			whole++
		}
	}
	// A second whole download may follow from the backend being replaced when
	// its slice arrives after its Service; one for each APIService must not.
	if whole == 0 || whole > 2 {
		t.Errorf("the document was downloaded whole %d times for %d APIServices", whole, versions)
	}
}

func TestAnonymousOnTheNetworkIsRefused(t *testing.T) {
	t.Parallel()
	yes := true
	_, err := aggregator.Start(t.Context(), aggregator.Config{StateDir: t.TempDir(), BindAddress: net.IPv4zero, AnonymousAuth: &yes})
	if err == nil || !strings.Contains(err.Error(), "--allow-remote-anonymous") {
		t.Errorf("want a refusal that names the flag, got %v", err)
	}
}
