package conformance

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

const (
	echoGroup = "echo.example.com"
	echoes    = "/apis/echo.example.com/v1/echoes"

	// What kagg promises, and what is granted on top to a machine that is busy: a
	// promise is measured and logged, and failed only beyond the slack. That is less
	// than the half minute after which a kube-aggregator looks by itself.
	promiseStop  = time.Second
	promiseStart = time.Second
	promiseEdit  = 200 * time.Millisecond
	slack        = 10 * time.Second
)

// echo is kagg in front of a scripted backend, with the YAML in a folder that a
// test may change.
type echo struct {
	kagg              *harness.Kagg
	client            *harness.Client
	backend           *harness.Backend
	certFile, keyFile string
	dir               string
}

func startEcho(t *testing.T) *echo {
	t.Helper()
	e := &echo{backend: harness.NewBackend(t, echoGroup), dir: t.TempDir()}
	writeFile(t, filepath.Join(e.dir, "service.yaml"), fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: echo, namespace: test}
spec:
  ports:
  - {name: https, port: 443, targetPort: %[1]d}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: echo-1
  namespace: test
  labels: {kubernetes.io/service-name: echo}
addressType: IPv4
endpoints:
- addresses: ["127.0.0.1"]
  conditions: {ready: true}
ports:
- {name: https, port: %[1]d, protocol: TCP}
`, e.backend.Port))
	writeFile(t, filepath.Join(e.dir, "v1.yaml"), echoAPIService("v1", 15))
	e.kagg = harness.StartKagg(t, "-f", e.dir)
	e.client = e.kagg.Client(t)
	e.certFile, e.keyFile = e.kagg.Cert(t, "test", "echo")
	e.backend.Start(t, e.certFile, e.keyFile)
	e.client.AwaitCode(t, harness.Patience, echoes, http.StatusOK)
	return e
}

func echoAPIService(version string, priority int) string {
	return fmt.Sprintf(`apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: %[1]s.echo.example.com}
spec:
  group: echo.example.com
  version: %[1]s
  groupPriorityMinimum: 1000
  versionPriority: %[2]d
  service: {namespace: test, name: echo}
`, version, priority)
}

// TestCurlIdentity looks at the identity headers that arrive at the backend.
//
//nolint:paralleltest // Each case looks at the newest request that arrived.
func TestCurlIdentity(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	admin := e.client.Certificate
	fingerprint := sha256.Sum256(admin.Raw)
	backendHost := net.JoinHostPort("127.0.0.1", strconv.Itoa(e.backend.Port))
	adminIdentity := http.Header{
		"X-Remote-User":  {admin.Subject.CommonName},
		"X-Remote-Group": append(slices.Clone(admin.Subject.Organization), "system:authenticated"),
		"X-Remote-Extra-Authentication.kubernetes.io%2fcredential-Id": {"X509SHA256=" + hex.EncodeToString(fingerprint[:])},
	}
	for _, tt := range []struct {
		name    string
		headers []string
		want    http.Header
	}{
		{name: "client certificate", want: adminIdentity},
		{
			name: "spoofed headers",
			headers: []string{
				"X-Remote-User", "mallory", "X-Remote-Group", "system:masters", "X-Remote-Uid", "0",
				"X-Remote-Extra-Scopes", "everything", "X-Remote-Extra-Example.com%2fKey", "everything",
				"X-Forwarded-Host", "evil.example.com", "X-Forwarded-Proto", "http", "X-Forwarded-Uri", "/evil",
			},
			want: adminIdentity,
		},
		{name: "no token goes on", headers: []string{"Authorization", "Bearer secret"}, want: adminIdentity},
		{
			name: "impersonation",
			headers: []string{
				"Impersonate-User", "alice", "Impersonate-Uid", "uid-of-alice",
				"Impersonate-Group", "gardeners", "Impersonate-Group", "bakers",
				"Impersonate-Extra-Scopes", "read", "Impersonate-Extra-Scopes", "write",
				"Impersonate-Extra-Example.com%2fkey", "value",
			},
			want: http.Header{
				"X-Remote-User":                    {"alice"},
				"X-Remote-Uid":                     {"uid-of-alice"},
				"X-Remote-Group":                   {"gardeners", "bakers", "system:authenticated"},
				"X-Remote-Extra-Scopes":            {"read", "write"},
				"X-Remote-Extra-Example.com%2fkey": {"value"},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, body, err := e.client.Get(t.Context(), echoes, tt.headers...)
			if err != nil || code != http.StatusOK {
				t.Fatalf("%d %s %v", code, body, err)
			}
			header := e.backend.Last(t, echoes).Header
			got := http.Header{}
			for name, values := range header {
				if strings.HasPrefix(name, "X-Remote-") || strings.HasPrefix(name, "Impersonate-") || name == "Authorization" {
					got[name] = values
				}
			}
			wantEqual(t, "identity headers", got, tt.want)
			// As the kube-aggregator: the forwarded host is the backend's.
			for name, want := range map[string]string{
				"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": backendHost, "X-Forwarded-Proto": "https", "X-Forwarded-Uri": echoes,
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if header.Get("Audit-Id") == "" {
				t.Error("there is no Audit-Id")
			}
		})
	}
	t.Run("front-proxy certificate", func(t *testing.T) { frontProxyCertificate(t, e) })
}

// frontProxyCertificate verifies what kagg presents to a backend against what it
// publishes for backends.
func frontProxyCertificate(t *testing.T, e *echo) {
	code, body, err := e.client.Get(t.Context(), "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")
	if err != nil || code != http.StatusOK {
		t.Fatalf("the authentication ConfigMap: %d %s %v", code, body, err)
	}
	var published corev1.ConfigMap
	if err := json.Unmarshal([]byte(body), &published); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(published.Data["requestheader-client-ca-file"])) {
		t.Fatal("no certificate in requestheader-client-ca-file")
	}
	certificate := e.backend.Last(t, echoes).Certificate
	if certificate == nil {
		t.Fatal("kagg presented no client certificate")
	}
	if _, err := certificate.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Error(err)
	}
	var allowed []string
	if err := json.Unmarshal([]byte(published.Data["requestheader-allowed-names"]), &allowed); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(allowed, certificate.Subject.CommonName) {
		t.Errorf("the certificate's name %q is not among the allowed names %q", certificate.Subject.CommonName, allowed)
	}
}

// TestCurlBackendStopsAndStarts takes the backend away under a running watch and
// brings it back, twice.
func TestCurlBackendStopsAndStarts(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	for range 2 {
		ended := startEchoWatch(t, e.client)
		e.backend.Stop()
		took := e.client.AwaitCode(t, promiseStop+slack, echoes, http.StatusServiceUnavailable)
		t.Logf("503 %s after the stop (promised: %s)", took.Round(time.Millisecond), promiseStop)
		select {
		case err := <-ended:
			t.Logf("the watch ended with %v", err)
		case <-time.After(harness.Patience):
			t.Fatal("the watch did not end with the backend")
		}
		wantUnavailableStatus(t, e)

		e.backend.Start(t, e.certFile, e.keyFile)
		took = e.client.AwaitCode(t, promiseStart+slack, echoes, http.StatusOK)
		t.Logf("200 %s after the start (promised: %s)", took.Round(time.Millisecond), promiseStart)
	}
}

// startEchoWatch starts a watch, waits for its first event, and sends on the
// channel when it ends.
func startEchoWatch(t *testing.T, client *harness.Client) <-chan error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	resp, err := client.Do(client.Request(ctx, t, echoes+"?watch=true"))
	if err != nil {
		t.Fatal(err)
	}
	stream := bufio.NewReader(resp.Body)
	line, err := stream.ReadString('\n')
	if err != nil || !strings.Contains(line, `"type":"ADDED"`) {
		t.Fatalf("the first event of the watch: %q %v", line, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, stream)
		ended <- errors.Join(err, resp.Body.Close())
	}()
	return ended
}

// wantUnavailableStatus looks at the answer while the backend is away: a Status
// that says which APIService, why, and where it was looked for.
func wantUnavailableStatus(t *testing.T, e *echo) {
	t.Helper()
	var last string
	harness.Eventually(t, harness.Patience, "the 503 explains itself", func(ctx context.Context) error {
		_, body, err := e.client.Get(ctx, echoes)
		if err != nil {
			return err
		}
		var status metav1.Status
		if err := json.Unmarshal([]byte(body), &status); err != nil {
			return fmt.Errorf("%w: %s", err, body)
		}
		last = status.Message
		for _, part := range []string{"v1." + echoGroup, "FailedDiscoveryCheck", fmt.Sprintf("127.0.0.1:%d", e.backend.Port)} {
			if !strings.Contains(status.Message, part) {
				return fmt.Errorf("the message lacks %s: %s", part, status.Message)
			}
		}
		return nil
	})
	t.Logf("the message: %s", last)
}

// TestCurlFilesAreFollowed changes the YAML under a running kagg.
func TestCurlFilesAreFollowed(t *testing.T) {
	t.Parallel()
	e := startEcho(t)
	second := filepath.Join(e.dir, "v2.yaml")
	steps := []struct {
		name   string
		change func(t *testing.T)
		want   []string
	}{
		{"as started", func(*testing.T) {}, []string{"v1"}},
		{"added", func(t *testing.T) { writeFile(t, second, echoAPIService("v2", 10)) }, []string{"v1", "v2"}},
		{"priority raised", func(t *testing.T) { writeFile(t, second, echoAPIService("v2", 20)) }, []string{"v2", "v1"}},
		{"broken, the last good state stays", func(t *testing.T) {
			before := len(e.kagg.Output().String())
			writeFile(t, second, "kind: [")
			e.kagg.Output().Await(t, promiseEdit+slack, "a complaint about v2.yaml", func(printed string) bool {
				return strings.Contains(printed[before:], "v2.yaml")
			})
		}, []string{"v2", "v1"}},
		{"mended, as an editor does by renaming", func(t *testing.T) {
			temporary := filepath.Join(t.TempDir(), "v2.yaml.swp")
			writeFile(t, temporary, echoAPIService("v2", 5))
			if err := os.Rename(temporary, second); err != nil {
				t.Fatal(err)
			}
		}, []string{"v1", "v2"}},
		{"removed", func(t *testing.T) {
			if err := os.Remove(second); err != nil {
				t.Fatal(err)
			}
		}, []string{"v1"}},
	}
	for _, step := range steps {
		step.change(t)
		took := harness.Eventually(t, promiseEdit+slack, step.name, func(ctx context.Context) error {
			got, err := echoVersions(ctx, e.client)
			if err == nil && !slices.Equal(got, step.want) {
				err = fmt.Errorf("the versions are %q, want %q", got, step.want)
			}
			return err
		})
		t.Logf("%s: live after %s (promised: %s)", step.name, took.Round(time.Millisecond), promiseEdit)
	}
	e.client.AwaitCode(t, promiseEdit+slack, "/apis/echo.example.com/v2/echoes", http.StatusNotFound)
}

// echoVersions returns the versions of the group in the order of /apis.
func echoVersions(ctx context.Context, client *harness.Client) ([]string, error) {
	code, body, err := client.Get(ctx, "/apis", "Accept", "application/json")
	if err != nil || code != http.StatusOK {
		return nil, fmt.Errorf("/apis: %d %s: %w", code, body, err)
	}
	var groups metav1.APIGroupList
	if err := json.Unmarshal([]byte(body), &groups); err != nil {
		return nil, err
	}
	var versions []string
	for _, group := range groups.Groups {
		if group.Name != echoGroup {
			continue
		}
		for _, version := range group.Versions {
			versions = append(versions, version.Version)
		}
	}
	return versions, nil
}

func wantEqual(t *testing.T, what string, got, want http.Header) {
	t.Helper()
	for name, values := range want {
		if !slices.Equal(got[name], values) {
			t.Errorf("%s: %s is %q, want %q", what, name, got[name], values)
		}
	}
	for name, values := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: there is %s with %q, which is not wanted", what, name, values)
		}
	}
}
