package launch_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/pki"
	"github.com/kagg-project/kagg/internal/ports"
	"github.com/kagg-project/kagg/launch"
)

// notes are what was told.
type notes struct {
	mu   sync.Mutex
	said []string
}

func (n *notes) add(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, s)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.said, "\n")
}

// command runs the test binary in a role: by env, since flags are the child's.
func command(t *testing.T, role string, args ...string) []string {
	t.Helper()
	env, err := lookPath("env")
	if err != nil {
		t.Skip(err)
	}
	return append([]string{env, roleVariable + "=" + role, os.Args[0]}, args...)
}

func lookPath(name string) (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if file := filepath.Join(dir, name); exists(file) {
			return file, nil
		}
	}
	return "", fmt.Errorf("there is no %s here", name)
}

func exists(file string) bool { _, err := os.Stat(file); return err == nil }

func start(t *testing.T, o launch.Options) (*launch.Server, *notes, error) {
	t.Helper()
	n := &notes{}
	o.Progress = n.add
	s, err := launch.Start(t.Context(), o)
	if err == nil {
		t.Cleanup(func() {
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
		})
		_, err = s.Await(t.Context())
	}
	return s, n, err
}

func TestMakesAPIServices(t *testing.T) {
	t.Parallel()
	s, n, err := start(t, launch.Options{Command: command(t, "aggregated")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"v1.things.example.com", "v1beta1.things.example.com", "v2alpha1.things.example.com"}
	if d := cmp.Diff(want, s.APIServices()); d != "" {
		t.Error(d)
	}
	if !strings.Contains(n.String(), "v1.apps") {
		t.Errorf("what kagg serves itself is not told of: %s", n)
	}
	// In kube-aware order, each priority there once.
	var order []string
	for _, g := range s.Aggregator().Snapshot().Discovery().Groups.Groups {
		if g.Name == "things.example.com" {
			for _, v := range g.Versions {
				order = append(order, v.Version)
			}
		}
	}
	if d := cmp.Diff([]string{"v1", "v1beta1", "v2alpha1"}, order); d != "" {
		t.Error(d)
	}
	for _, v := range s.Aggregator().Snapshot().APIServices() {
		if slices.Contains(want, v.Object.Name) && v.Object.Spec.InsecureSkipTLSVerify {
			t.Errorf("%s is not verified, though the certificate is kagg's", v.Object.Name)
		}
		if made := v.Object.Annotations[aggregator.MadeUpAnnotation] != ""; made != slices.Contains(want, v.Object.Name) {
			t.Errorf("%s is marked as made up: %v", v.Object.Name, made)
		}
	}
	if _, err := s.Aggregator().Snapshot().OpenAPIV2(); err != nil {
		t.Error(err)
	}
}

// A server with a certificate of its own is asked all the same, and it is told that nobody vouches for it.
func TestCertificateOfAnotherCA(t *testing.T) {
	t.Parallel()
	other, err := pki.Ensure(t.TempDir(), pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := other.IssueServing("some", "where")
	if err != nil {
		t.Fatal(err)
	}
	s, n, err := start(t, launch.Options{Command: command(t, "aggregated", "--tls-cert-file="+cert, "--tls-private-key-file", key)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(n.String(), "is not verified") {
		t.Errorf("told: %s", n)
	}
	for _, v := range s.Aggregator().Snapshot().APIServices() {
		if slices.Contains(s.APIServices(), v.Object.Name) && !v.Object.Spec.InsecureSkipTLSVerify {
			t.Errorf("%s is verified", v.Object.Name)
		}
	}
}

func TestLegacyServerWithoutReadyz(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"legacy", "described"} {
		s, _, err := start(t, launch.Options{Command: command(t, role)})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]string{"v1.things.example.com"}, s.APIServices()); d != "" {
			t.Errorf("%s: %s", role, d)
		}
	}
}

func TestLeavesOutRefusedFlags(t *testing.T) {
	t.Parallel()
	_, n, err := start(t, launch.Options{Command: command(t, "strict")})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bind-address", "kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"} {
		if !strings.Contains(n.String(), "does not know --"+name) {
			t.Errorf("--%s is not told of in: %s", name, n)
		}
	}
}

func TestBareIsToldByTheEnvironment(t *testing.T) {
	t.Parallel()
	if _, _, err := start(t, launch.Options{Command: command(t, "environment"), Bare: true}); err != nil {
		t.Fatal(err)
	}
}

// Manifests for a server that is started by hand name its address.
func TestObjectsWithAnAddress(t *testing.T) {
	t.Parallel()
	free, err := ports.Free(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(free)
	file := filepath.Join(t.TempDir(), "objects.yaml")
	content := `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.things.example.com}
spec: {group: things.example.com, version: v1, groupPriorityMinimum: 2000, versionPriority: 10, insecureSkipTLSVerify: true, service: {name: api, namespace: things}}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: things}
spec: {ports: [{port: 443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: api, namespace: things, labels: {kubernetes.io/service-name: api}}
addressType: IPv4
endpoints: [{addresses: [127.0.0.1]}]
ports: [{port: ` + port + `}]
`
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	config := aggregator.Config{Filenames: []string{file}}
	s, _, err := start(t, launch.Options{Command: command(t, "legacy", "--secure-port="+port), Config: config})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"v1.things.example.com"}, s.APIServices()); d != "" {
		t.Error(d)
	}
	_, n, err := start(t, launch.Options{Command: command(t, "legacy"), Config: config})
	if err == nil || !strings.Contains(err.Error(), "give the command their port with --secure-port") || !strings.Contains(n.String(), "by the Service things/api") {
		t.Errorf("got %v, told: %s", err, n)
	}
}

func TestTellsWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	ready := filepath.Join(t.TempDir(), "ready")
	n := &notes{}
	s, err := launch.Start(t.Context(), launch.Options{
		Command: slices.Insert(command(t, "slow"), 1, readyVariable+"="+ready),
		Progress: func(said string) {
			n.add(said)
			if !strings.Contains(said, "its /readyz answers 500 Internal Server Error: informer-sync failed") {
				return
			}
			if err := os.WriteFile(ready, nil, 0o600); err != nil {
				t.Error(err)
			}
		},
	})
	if err != nil {
		t.Fatalf("%v; told: %s", err, n)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

// Manifests for a cluster: the Service has a selector, and nothing says where it is.
func TestServesTheObjectsThatHaveNoAddress(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cluster.yaml")
	content := `apiVersion: v1
kind: Service
metadata: {name: api, namespace: things}
spec: {selector: {app: things}, ports: [{port: 443, targetPort: 8443}]}
`
	for _, version := range []string{"v1", "v1beta1"} {
		content += `---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: ` + version + `.things.example.com}
spec: {group: things.example.com, version: ` + version + `, groupPriorityMinimum: 2000, versionPriority: 10, service: {name: api, namespace: things}}
`
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, err := start(t, launch.Options{Command: command(t, "aggregated"), Config: aggregator.Config{Filenames: []string{file}}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"v1.things.example.com", "v1beta1.things.example.com"}, s.APIServices()); d != "" {
		t.Error(d)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    launch.Options
		says []string
	}{
		"no program":     {launch.Options{Command: []string{"./no-such-apiserver"}}, []string{"no such file"}},
		"ends":           {launch.Options{Command: command(t, "broken")}, []string{"ended before it was available, with exit code 1", "no storage is configured"}},
		"no secure port": {launch.Options{Command: command(t, "environment")}, []string{"does not know --secure-port", "KAGG_PORT", "--bare"}},
		"port taken":     {launch.Options{Command: command(t, "aggregated", "--secure-port="+port)}, []string{"port " + port, "is taken"}},
		"port unknown":   {launch.Options{Command: command(t, "aggregated", "--secure-port=0")}, []string{"has to know the port"}},
		"never answers":  {launch.Options{Command: command(t, "hanging"), Timeout: 11 * time.Second}, []string{"not ready within 11s", "does not answer GET /readyz"}},
		"never ready":    {launch.Options{Command: command(t, "unready"), Timeout: 10 * time.Second}, []string{"not ready within 10s", "informer-sync failed"}},
		"no discovery":   {launch.Options{Command: command(t, "silent")}, []string{"answers /apis with 404", "names no group-version at /openapi/v2", "-f"}},
		"no groups":      {launch.Options{Command: command(t, "mute")}, []string{"names no group-version at /apis;"}},
		"one missing":    {launch.Options{Command: command(t, "partial"), Timeout: 12 * time.Second}, []string{"not available within 12s", "v1beta1.things.example.com", "FailedDiscoveryCheck"}},
		"no objects":     {launch.Options{Command: command(t, "aggregated"), Config: aggregator.Config{Filenames: []string{"none.yaml"}}}, []string{"none.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := start(t, c.o)
			if err == nil {
				t.Fatal("it started")
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("want %q in: %v", want, err)
				}
			}
		})
	}
}

// What is wrong with a server can be looked at.
func TestRecordsWhatIsNotAvailable(t *testing.T) {
	t.Parallel()
	n := &notes{}
	o := launch.Options{Command: command(t, "partial"), Timeout: 12 * time.Second, Unavailable: true, Progress: n.add}
	r, err := launch.Record(t.Context(), o, aggregator.RecordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Backends) != 1 || r.Backends[0].State.Probes["things.example.com/v1beta1"].Failure == "" {
		t.Errorf("recorded: %+v", r.Backends)
	}
	if !strings.Contains(n.String(), "not available within 12s") {
		t.Errorf("told: %s", n)
	}
	o.Command = command(t, "broken")
	if _, err := launch.Record(t.Context(), o, aggregator.RecordOptions{}); err == nil || !strings.Contains(err.Error(), "no storage is configured") {
		t.Errorf("a child that ends: %v", err)
	}
}

// The state folder goes with the server, and the child ends as it should.
func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	s, err := launch.Start(t.Context(), launch.Options{Command: command(t, "aggregated"), Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	// One that was never available has but a second to end.
	if _, err := s.Await(t.Context()); err != nil {
		t.Error(err)
	}
	folder := s.Aggregator().State().Dir
	if !exists(folder) {
		t.Error("there is no state folder")
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	if exists(folder) {
		t.Errorf("%s is left", folder)
	}
	if !strings.Contains(out.String(), "stopped gently") {
		t.Errorf("the child was not asked to end; it printed %q", out.String())
	}
}

func TestInterruptEndsTheWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	_, err := launch.Start(ctx, launch.Options{Command: command(t, "unready")})
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("got %v", err)
	}
}
