package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
)

// APIServerProgram says how a custom apiserver is started.
type APIServerProgram struct {
	// PackageDir is its main package; empty for the linked sample-apiserver.
	PackageDir string
	// Flags are its flags besides those for addresses, certificates, audit and the
	// delegation of authentication and authorization.
	Flags []string
}

// APIServer is a running custom apiserver.
type APIServer struct {
	*Process

	// Client trusts the server and shows it no credentials.
	Client *Client

	auditLog string
}

// Start runs the program on a port of 127.0.0.1 with k's kubeconfig for custom
// apiservers, and with a certificate for the Service namespace/service. It does not
// wait until it is ready: see AwaitReady.
func (p APIServerProgram) Start(t testing.TB, k *Kagg, namespace, service string, port int, auditPolicy string) *APIServer {
	t.Helper()
	certFile, keyFile := k.Cert(t, namespace, service)
	dir := t.TempDir()
	policy, err := filepath.Abs(auditPolicy)
	if err != nil {
		t.Fatal(err)
	}
	s := &APIServer{auditLog: filepath.Join(dir, "audit.log"), Client: directClient(t, k.Kubeconfig, service+"."+namespace+".svc")}
	s.Client.URL = "https://127.0.0.1:" + strconv.Itoa(port)
	args := append([]string{
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + certFile,
		"--tls-private-key-file=" + keyFile,
		"--authentication-kubeconfig=" + k.APIServerKubeconfig,
		"--authorization-kubeconfig=" + k.APIServerKubeconfig,
		"--audit-policy-file=" + policy,
		"--audit-log-path=" + s.auditLog,
	}, p.Flags...)
	var cmd *exec.Cmd
	if p.PackageDir == "" {
		cmd = roleCommand(t, roleSampleAPIServer, args...)
	} else {
		// Stopped by the cleanup of startProcess, after the test's context has ended.
		cmd = exec.Command(Program(t, p.PackageDir), args...) //nolint:noctx,gosec // See above; the program was built here.
	}
	cmd.Dir = dir
	s.Process = startProcess(t, "the custom apiserver", cmd)
	return s
}

// AwaitReady waits until the server's own /readyz is ok.
func (s *APIServer) AwaitReady(t testing.TB) {
	t.Helper()
	awaitReady(t, "the custom apiserver", s.Process, s.Client)
}

// awaitReady waits until the /readyz of a process that is still running is ok.
func awaitReady(t testing.TB, what string, process *Process, client *Client) {
	t.Helper()
	took := Eventually(t, Patience, what+" is ready", func(ctx context.Context) error {
		select {
		case <-process.Done():
			return fmt.Errorf("it ended with exit code %d", process.ExitCode())
		default:
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return client.check(ctx, "/readyz?verbose")
	})
	t.Logf("%s is ready after %s", what, took.Round(time.Millisecond))
}

// AwaitUser waits for the server's audit event of a request to the path that it has
// answered, and returns who made the request, as the server saw it.
func (s *APIServer) AwaitUser(t testing.TB, path string) authenticationv1.UserInfo {
	t.Helper()
	var user authenticationv1.UserInfo
	Eventually(t, Patience, "an audit event of "+path, func(context.Context) error {
		file, err := os.Open(s.auditLog)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // It was only read.
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var event struct {
				RequestURI string                    `json:"requestURI"`
				User       authenticationv1.UserInfo `json:"user"`
			}
			if json.Unmarshal(lines.Bytes(), &event) == nil && event.RequestURI == path {
				user = event.User
				return nil
			}
		}
		return errors.Join(lines.Err(), errors.New("there is none"))
	})
	return user
}
