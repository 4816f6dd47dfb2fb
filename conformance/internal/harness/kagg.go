package harness

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Kagg is a running kagg serve or kagg demo.
type Kagg struct {
	*Process

	// StateDir is its state folder.
	StateDir string
	// Kubeconfig is the administrator's kubeconfig.
	Kubeconfig string
	// APIServerKubeconfig is the kubeconfig for custom apiservers.
	APIServerKubeconfig string

	args  []string
	owner testing.TB // whose cleanup stops it, also after a restart in a subtest
}

// StartKagg runs kagg serve with a state folder of its own on a free port and with
// these arguments, and returns when it answers. The backends need not be there.
func StartKagg(t testing.TB, args ...string) *Kagg {
	t.Helper()
	return startKagg(t, "serve", args...)
}

// StartDemo is StartKagg for kagg demo.
func StartDemo(t testing.TB, args ...string) *Kagg {
	t.Helper()
	return startKagg(t, "demo", args...)
}

func startKagg(t testing.TB, command string, args ...string) *Kagg {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	k := &Kagg{
		StateDir:            dir,
		Kubeconfig:          filepath.Join(dir, "kubeconfig"),
		APIServerKubeconfig: filepath.Join(dir, "apiserver.kubeconfig"),
		owner:               t,
	}
	k.args = append([]string{command, "--secure-port=0", "--state-dir=" + dir}, args...)
	k.start(t)
	return k
}

func (k *Kagg) start(t testing.TB) {
	t.Helper()
	// Stopped by the cleanup of startProcess, after the test's context has ended.
	k.Process = startProcess(k.owner, "kagg", exec.Command(os.Getenv(binaryVariable), k.args...)) //nolint:noctx,gosec // The binary under test.
	took := Eventually(t, Patience, "kagg answers", func(ctx context.Context) error {
		select {
		case <-k.Done():
			return fmt.Errorf("kagg ended with exit code %d and printed:\n%s", k.ExitCode(), k.Output())
		default:
		}
		client, err := newClient(k.Kubeconfig)
		if err != nil {
			return err
		}
		return client.check(ctx, "/livez")
	})
	t.Logf("kagg answers after %s", took.Round(time.Millisecond))
}

// Cert mints a serving certificate with kagg cert and returns the files of the
// certificate and its key.
func (k *Kagg) Cert(t testing.TB, namespace, service string) (certFile, keyFile string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv(binaryVariable), "cert", "-n", namespace, service, "--state-dir="+k.StateDir) //nolint:gosec // The binary under test.
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("kagg cert -n %s %s: %v\n%s", namespace, service, err, stderr.String())
	}
	base := filepath.Join(k.StateDir, "certs", service+"."+namespace)
	return base + ".crt", base + ".key"
}

// Client returns an HTTP client with the administrator's certificate.
func (k *Kagg) Client(t testing.TB) *Client {
	t.Helper()
	client, err := newClient(k.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.http.CloseIdleConnections)
	return client
}

// Anonymous returns an HTTP client that trusts kagg and has no certificate.
func (k *Kagg) Anonymous(t testing.TB) *Client {
	t.Helper()
	client := directClient(t, k.Kubeconfig, "")
	client.URL = k.Client(t).URL
	return client
}

// Client is net/http with certificates: what curl is on a command line.
type Client struct {
	// URL is where the server is.
	URL string
	// Certificate is the client's own certificate.
	Certificate *x509.Certificate

	http *http.Client
}

func newClient(kubeconfig string) (*Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	tlsConfig, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, err
	}
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, err
	}
	certificate, err := parseCertificate(config.CertData)
	if err != nil {
		return nil, fmt.Errorf("the client certificate in %s: %w", kubeconfig, err)
	}
	return &Client{
		URL:         strings.TrimSuffix(config.Host, "/"),
		Certificate: certificate,
		http:        &http.Client{Transport: &http.Transport{TLSClientConfig: tlsConfig, ForceAttemptHTTP2: true}},
	}, nil
}

// Request makes a GET request for path; headers are pairs of name and value.
func (c *Client) Request(ctx context.Context, t testing.TB, path string, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

// Do sends req. The caller closes the body.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	return c.http.Do(req) //nolint:gosec // Where to is the test's to say.
}

// Get returns the status code and the body of a GET.
func (c *Client) Get(ctx context.Context, path string, headers ...string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), errors.Join(err, resp.Body.Close())
}

// check fails unless a GET of path is answered with 200.
func (c *Client) check(ctx context.Context, path string) error {
	defer c.http.CloseIdleConnections()
	code, body, err := c.Get(ctx, path)
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("%s answered %d: %s", path, code, body)
	}
	return err
}

// RunKagg runs kagg with just these arguments and does not wait for anything.
func RunKagg(t testing.TB, args ...string) *Process {
	t.Helper()
	return startProcess(t, "kagg", exec.Command(os.Getenv(binaryVariable), args...)) //nolint:noctx,gosec // As in startKagg.
}

// KaggOutput runs kagg with these arguments, and env ("NAME=value") beside the
// environment, to its end. It returns what it printed and its exit code.
func KaggOutput(t testing.TB, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Getenv(binaryVariable), args...) //nolint:gosec // The binary under test.
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = t.TempDir()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("kagg %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}
