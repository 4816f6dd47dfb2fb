package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/internal/pki"
)

// rig is what all measurements need: the binaries, certificates that all servers share, and the servers that run.
type rig struct {
	settings settings
	progress io.Writer
	dir      string
	self     string
	state    *pki.State

	clientTLS   *tls.Config
	frontProxy  tls.Certificate
	backendCert string
	backendPEM  []byte
	backendCA   *x509.CertPool

	running []*process
	started int
	port    int
}

// newRig builds kagg, makes the certificates, and learns what kagg's local APIs are.
func newRig(ctx context.Context, s settings, progress io.Writer) (*rig, error) {
	r := &rig{settings: s, progress: progress, port: 20_000 + os.Getpid()*131%10_000}
	var err error
	if s.keep != "" {
		if err := os.MkdirAll(s.keep, 0o700); err != nil {
			return nil, err
		}
	}
	if r.dir, err = os.MkdirTemp(s.keep, "kagg-bench"); err != nil {
		return nil, err
	}
	if r.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if err := r.prepare(ctx); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func (r *rig) prepare(ctx context.Context) error {
	if r.settings.kagg == "" {
		r.settings.kagg = filepath.Join(r.dir, "kagg")
		cmd := exec.CommandContext(ctx, "go", "build", "-o", r.settings.kagg, "./cmd/kagg") //nolint:gosec // kagg's own sources
		cmd.Dir = r.settings.source
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building kagg: %w\n%s", err, out)
		}
	}
	var err error
	if r.state, err = pki.Ensure(filepath.Join(r.dir, "certificates"), pki.Options{}); err != nil {
		return err
	}
	r.backendCert = filepath.Join(r.dir, "backends.pem")
	if r.backendPEM, err = writeBackendCertificate(r.backendCert); err != nil {
		return err
	}
	r.backendCA = x509.NewCertPool()
	r.backendCA.AppendCertsFromPEM(r.backendPEM)
	if r.frontProxy, err = tls.LoadX509KeyPair(r.state.FrontProxyClient.CertFile, r.state.FrontProxyClient.KeyFile); err != nil {
		return err
	}
	admin, err := tls.LoadX509KeyPair(r.state.Admin.CertFile, r.state.Admin.KeyFile)
	if err != nil {
		return err
	}
	roots, err := pool(r.state.ClusterCA.CertFile)
	if err != nil {
		return err
	}
	r.clientTLS = &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{admin}, MinVersion: tls.VersionTLS12}
	return r.learnLocal(ctx)
}

// aboutFile is where the description of the local APIs is.
func (r *rig) aboutFile() string { return filepath.Join(r.dir, "about.json") }

// learnLocal asks a kagg without objects for its version and its Local APIServices.
func (r *rig) learnLocal(ctx context.Context) error {
	kagg, err := r.startKagg(ctx, objects{})
	if err != nil {
		return err
	}
	defer r.stopAll()
	var list apiregistrationv1.APIServiceList
	var a about
	for path, into := range map[string]any{"/version": &a.Version, "/apis/apiregistration.k8s.io/v1/apiservices": &list} {
		got, err := get(ctx, kagg.client, kagg.url+path)
		if err == nil {
			err = json.Unmarshal(got.body, into)
		}
		if err != nil {
			return fmt.Errorf("asking kagg for %s: %w: %s", path, err, got.body)
		}
	}
	a.Local = list.Items
	data, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return os.WriteFile(r.aboutFile(), data, 0o600)
}

// say tells how far the bench is.
func (r *rig) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.progress, format+"\n", args...)
}

// close ends what runs and removes what was written, unless it is to be kept.
func (r *rig) close() {
	r.stopAll()
	if r.settings.keep == "" {
		_ = os.RemoveAll(r.dir)
	}
}

func (r *rig) stopAll() {
	for _, p := range r.running {
		p.stop()
	}
	r.running = nil
}

// server is a process that answers requests.
type server struct {
	*process
	url    string
	client *http.Client
	// ready is how long it took from its start to /readyz answering 200.
	ready time.Duration
}

// address returns a free one. It is below the ports that systems give to clients, lest a client's connection takes
// it before the server does.
func (r *rig) address(ctx context.Context) (string, error) {
	var last error
	for range 10_000 {
		r.port++
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			return address, l.Close()
		}
		last = err
	}
	return "", last
}

// start runs a program and waits until it is ready.
func (r *rig) start(ctx context.Context, name, address, program string, client *http.Client, args ...string) (*server, error) {
	r.started++
	p, err := startProcess(ctx, name, filepath.Join(r.dir, fmt.Sprintf("%03d-%s.log", r.started, name)), program, args...)
	if err != nil {
		return nil, err
	}
	r.running = append(r.running, p)
	s := &server{process: p, url: "https://" + address, client: client}
	return s, s.awaitReady(ctx)
}

// startLimit is how long a server may take to be ready.
const startLimit = 2 * time.Minute

func (s *server) awaitReady(ctx context.Context) error {
	var last error
	for time.Since(s.begun) < startLimit {
		got, err := get(ctx, s.client, s.url+"/readyz")
		if err == nil && got.status == http.StatusOK {
			s.ready = time.Since(s.begun)
			return nil
		}
		last = errors.Join(err, s.check())
		if s.check() != nil || ctx.Err() != nil {
			return last
		}
		time.Sleep(2 * time.Millisecond)
	}
	return fmt.Errorf("%s is not ready after %s: %w", s.name, startLimit, last)
}

// startBackends runs n groups' backends, at an address and taking orders at another.
func (r *rig) startBackends(ctx context.Context, n int, together bool) (*backendServer, error) {
	address, err := r.address(ctx)
	if err != nil {
		return nil, err
	}
	return r.startBackendsAt(ctx, address, n, together)
}

// backendServer is the process of the backends.
type backendServer struct {
	*server
	address string
	control string
}

func (r *rig) startBackendsAt(ctx context.Context, address string, n int, together bool) (*backendServer, error) {
	control, err := r.address(ctx)
	if err != nil {
		return nil, err
	}
	s, err := r.start(ctx, roleBackends, address, r.self, r.straightClient(), "server", roleBackends, "-state", r.state.Dir,
		"-address", address, "-control", control, "-backend-certificate", r.backendCert,
		"-groups", strconv.Itoa(n), "-together="+strconv.FormatBool(together))
	return &backendServer{s, address, "http://" + control}, err
}

// change changes the documents of the i-th backend and returns the name of the resource that is new.
func (b *backendServer) change(ctx context.Context, i int) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.control+"/change?backend="+strconv.Itoa(i), http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

// startBare runs Go's reverse proxy before a backend.
func (r *rig) startBare(ctx context.Context, b *backendServer) (*server, error) {
	address, err := r.address(ctx)
	if err != nil {
		return nil, err
	}
	return r.start(ctx, roleBare, address, r.self, r.newClient(), "server", roleBare,
		"-state", r.state.Dir, "-address", address, "-backend", b.address, "-backend-certificate", r.backendCert)
}

// startReal runs the kube-aggregator with objects.
func (r *rig) startReal(ctx context.Context, o objects) (*server, error) {
	address, err := r.address(ctx)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(o.all())
	if err != nil {
		return nil, err
	}
	file := filepath.Join(r.dir, fmt.Sprintf("objects-%03d.json", r.started))
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return nil, err
	}
	return r.start(ctx, roleReal, address, r.self, r.newClient(), "server", roleReal,
		"-state", r.state.Dir, "-address", address, "-objects", file, "-about", r.aboutFile())
}

// startKagg runs kagg with objects and a state folder that has the certificates already.
func (r *rig) startKagg(ctx context.Context, o objects) (*server, error) {
	state := filepath.Join(r.dir, fmt.Sprintf("state-%03d", r.started))
	if err := os.CopyFS(state, os.DirFS(r.state.Dir)); err != nil {
		return nil, err
	}
	return r.startKaggIn(ctx, state, o, r.newClient())
}

func (r *rig) startKaggIn(ctx context.Context, state string, o objects, client *http.Client) (*server, error) {
	address, err := r.address(ctx)
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	args := []string{"serve", "--state-dir=" + state, "--secure-port=" + port}
	if len(o) > 0 {
		file := filepath.Join(r.dir, fmt.Sprintf("objects-%03d.yaml", r.started))
		if err := os.WriteFile(file, []byte(o.yaml()), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "-f", file)
	}
	return r.start(ctx, "kagg", address, r.settings.kagg, client, args...)
}

// machine says on what was measured.
func (r *rig) machine(ctx context.Context) []string {
	return append(machineFacts(), "kagg at "+strings.TrimSpace(r.revision(ctx)))
}

func (r *rig) revision(ctx context.Context) string {
	cmd := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
	cmd.Dir = r.settings.source
	out, err := cmd.Output()
	if err != nil {
		return "an unknown commit"
	}
	return string(out)
}
