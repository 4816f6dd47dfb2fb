package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// serve starts a server with the given certificate that wants a client certificate of clientCA, and
// answers with the client's subject. It returns the URL.
func serve(t *testing.T, certFile, keyFile, clientCA string) string {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject); err != nil {
			t.Error(err)
		}
	}))
	srv.Config.ErrorLog = nil
	srv.TLS = &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    poolOf(t, clientCA),
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

func get(t *testing.T, client *http.Client, url string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), firstError(err, resp.Body.Close())
}

func TestFrontProxyHandshake(t *testing.T) {
	t.Parallel()
	s := mustEnsure(t, t.TempDir(), Options{})
	certFile, keyFile, err := s.IssueServing("wardle", "api")
	if err != nil {
		t.Fatal(err)
	}
	url := serve(t, certFile, keyFile, s.FrontProxyCA.CertFile)
	for _, tc := range []struct {
		name   string
		client Pair
		want   string
	}{
		{"front proxy", s.FrontProxyClient, "CN=front-proxy-client"},
		{"admin is not vouched for", s.Admin, ""},
		{"serving certificate is no client", s.Serving, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cert, err := tls.LoadX509KeyPair(tc.client.CertFile, tc.client.KeyFile)
			if err != nil {
				t.Fatal(err)
			}
			transport := &http.Transport{TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS13,
				RootCAs:    poolOf(t, s.ClusterCA.CertFile),
				ServerName: "api.wardle.svc",
				// Sent whatever the server asks for, as a client would that means it.
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
			}}
			t.Cleanup(transport.CloseIdleConnections)
			got, err := get(t, &http.Client{Transport: transport}, url)
			if tc.want == "" {
				if err == nil {
					t.Errorf("got %q, want a refused handshake", got)
				}
				return
			}
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestKubeconfigs(t *testing.T) {
	t.Parallel()
	s := mustEnsure(t, t.TempDir(), Options{})
	url := serve(t, s.Serving.CertFile, s.Serving.KeyFile, s.ClusterCA.CertFile)
	if err := s.WriteKubeconfigs(url, nil); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		s.Kubeconfig:          "CN=kubernetes-admin,O=system:masters",
		s.APIServerKubeconfig: "CN=system:kagg:apiserver,O=system:kagg:apiservers",
	} {
		raw, err := clientcmd.LoadFromFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if raw.CurrentContext != "kagg" || raw.Contexts["kagg"].Cluster != "kagg" {
			t.Errorf("%s: contexts = %v, current %q; want kagg", file, raw.Contexts, raw.CurrentContext)
		}
		config, err := clientcmd.BuildConfigFromFlags("", file)
		if err != nil {
			t.Fatal(err)
		}
		client, err := rest.HTTPClientFor(config)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := get(t, client, config.Host); err != nil || got != want {
			t.Errorf("%s: server saw %q, %v; want %q", file, got, err, want)
		}
	}
}

func TestKubeconfigsAreNotRewritten(t *testing.T) {
	t.Parallel()
	s := mustEnsure(t, t.TempDir(), Options{})
	stat := func() os.FileInfo {
		t.Helper()
		info, err := os.Stat(s.Kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	var infos []os.FileInfo
	for _, server := range []string{"https://127.0.0.1:6443", "https://127.0.0.1:6443", "https://127.0.0.1:6444"} {
		if err := s.WriteKubeconfigs(server, nil); err != nil {
			t.Fatal(err)
		}
		infos = append(infos, stat())
	}
	if !os.SameFile(infos[0], infos[1]) {
		t.Error("an unchanged kubeconfig was written again")
	}
	if os.SameFile(infos[1], infos[2]) {
		t.Error("a changed kubeconfig was not written")
	}
	for server, want := range map[string]string{
		"127.0.0.1:6443":   `kubeconfig server "127.0.0.1:6443" is no`,
		"http://localhost": `kubeconfig server "http://localhost" is no https URL with a host`,
		"https://":         `kubeconfig server "https://" is no https URL with a host`,
	} {
		if err := s.WriteKubeconfigs(server, nil); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("WriteKubeconfigs(%q, nil) = %v, want prefix %q", server, err, want)
		}
	}
}

func TestIssueServing(t *testing.T) {
	t.Parallel()
	s := mustEnsure(t, t.TempDir(), Options{Now: at(start)})
	certFile, keyFile, err := s.IssueServing("wardle", "api")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{s.CertsDir + "/api.wardle.crt", s.CertsDir + "/api.wardle.key"}, []string{certFile, keyFile}); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	c := mustCert(t, certFile)
	names := []string{"api.wardle.svc", "api.wardle", "api.wardle.svc.cluster.local", "api", "localhost"}
	if d := cmp.Diff(names, c.DNSNames); d != "" {
		t.Errorf("names (-want +got):\n%s", d)
	}
	for _, name := range append(names, "127.0.0.1", "::1") {
		if _, err := c.Verify(x509.VerifyOptions{Roots: poolOf(t, s.ClusterCA.CertFile), DNSName: name, CurrentTime: start}); err != nil {
			t.Errorf("verify %s: %v", name, err)
		}
	}
	serial := func(extra ...string) string {
		t.Helper()
		if _, _, err := s.IssueServing("wardle", "api", extra...); err != nil {
			t.Fatal(err)
		}
		return mustCert(t, certFile).SerialNumber.String()
	}
	same, more := serial(), serial("more.example", "192.0.2.1")
	if same != c.SerialNumber.String() || more == same || serial() != more {
		t.Error("want the certificate reused while it covers its hosts, and made anew when it does not")
	}

	long := strings.Repeat("a", 63)
	if certFile, _, err = s.IssueServing("wardle", long); err != nil {
		t.Fatal(err)
	}
	if got := mustCert(t, certFile).Subject.CommonName; got != long {
		t.Errorf("common name = %q, want one of at most 64 characters", got)
	}
}

func TestIssueServingRefuses(t *testing.T) {
	t.Parallel()
	s := mustEnsure(t, t.TempDir(), Options{})
	for _, tc := range []struct {
		namespace, service string
		hosts              []string
		want               string
	}{
		{"../x", "api", nil, `namespace "../x" of a serving certificate is no valid name: `},
		{"ns", "a.b", nil, `service "a.b" of a serving certificate is no valid name: `},
		{"", "api", nil, `namespace "" of a serving certificate is no valid name: `},
		{"ns", "api", []string{"https://x"}, `host "https://x" for a serving certificate is neither`},
	} {
		if _, _, err := s.IssueServing(tc.namespace, tc.service, tc.hosts...); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("IssueServing(%q, %q, %q) = %v, want prefix %q", tc.namespace, tc.service, tc.hosts, err, tc.want)
		}
	}
	if err := os.Remove(s.ClusterCA.KeyFile); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("cluster CA %q or its key is gone: restart kagg to have it made anew", s.ClusterCA.CertFile)
	if _, _, err := s.IssueServing("ns", "api"); err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}
