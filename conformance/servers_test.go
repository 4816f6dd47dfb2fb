package conformance

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

// customServer is a row of TestCustomAPIServers.
type customServer struct {
	name    string
	program harness.APIServerProgram
	// manifests have its Service wardle/api and its APIServices.
	manifests string
	// kubeconfigFlag is its flag for the kubeconfig to ask the core API with.
	kubeconfigFlag string
	// etcd is whether it keeps its objects in an etcd.
	etcd bool
	// resource is what readers may list, in any namespace: its group and version, and
	// its name.
	groupVersion, resource string
	// uid is whether it reads X-Remote-Uid.
	uid bool
	// policies is whether it enforces ValidatingAdmissionPolicies.
	policies bool
}

// customServers are servers of several ages, and of several libraries.
var customServers = []customServer{
	{
		name: "sample-apiserver v0.37", etcd: true, manifests: "testdata/wardle", kubeconfigFlag: "--kubeconfig=",
		groupVersion: "wardle.example.com/v1alpha1", resource: "flunders", uid: true, policies: true,
	},
	{
		name: "apiserver v0.30", program: harness.APIServerProgram{PackageDir: "releases/v0.30/apiserver"}, etcd: true, policies: true,
		manifests: "testdata/wardle", kubeconfigFlag: "--kubeconfig=", groupVersion: "wardle.example.com/v1alpha1", resource: "flunders",
	},
	{
		name: "apiserver v0.27", program: harness.APIServerProgram{PackageDir: "releases/v0.27/apiserver"}, etcd: true,
		manifests: "testdata/wardle", kubeconfigFlag: "--kubeconfig=", groupVersion: "wardle.example.com/v1alpha1", resource: "flunders",
	},
	{
		name: "custom-metrics-apiserver v1.37", program: harness.APIServerProgram{PackageDir: "releases/custom-metrics/adapter"},
		manifests: "testdata/metrics", kubeconfigFlag: "--lister-kubeconfig=", groupVersion: "external.metrics.k8s.io/v1beta1", resource: "queue", uid: true,
	},
}

// serverUnderTest is a custom apiserver that runs behind kagg.
type serverUnderTest struct {
	customServer

	kagg    *harness.Kagg
	kubectl *harness.Kubectl
	server  *harness.APIServer
	admin   *harness.Client // through kagg, as its administrator
	through *harness.Client // through kagg, without a certificate
	port    int
	paths   int
}

// TestCustomAPIServers runs custom apiservers with their ordinary flags behind kagg
// with RBAC on and nothing bound to them but what docs/authorization.md says, and
// holds that they tell their users apart, whichever way these come.
//
//nolint:paralleltest // The steps of a server have an order.
func TestCustomAPIServers(t *testing.T) {
	t.Parallel()
	for _, row := range customServers {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, row)
			t.Run("ready", s.ready)
			t.Run("users", s.users)
			if row.etcd {
				t.Run("admission", s.admission)
			}
			t.Run("strangers", s.strangers)
			t.Run("without rights", s.withoutRights)
			t.Run("binding of a user", s.userBinding)
			t.Run("binding of the server", s.serverBinding)
			t.Run("binding to start", s.startBinding)
		})
	}
}

func startServer(t *testing.T, row customServer) *serverUnderTest {
	t.Helper()
	s := &serverUnderTest{customServer: row, port: harness.FreePort(t)}
	s.kagg = harness.StartKagg(t, "--authorization-mode=RBAC", "--token-auth-file=testdata/servers/tokens.csv",
		"-f", row.manifests, fmt.Sprintf("--endpoint=wardle/api=127.0.0.1:%d", s.port))
	s.kubectl = harness.NewKubectl(t, s.kagg.Kubeconfig)
	s.kubectl.Command("apply", "-f", "testdata/servers/bindings.yaml", "-f", "testdata/servers/users.yaml").Out(t)
	s.admin, s.through = s.kagg.Client(t), s.kagg.Anonymous(t)
	s.program.Flags = append(s.program.Flags, row.kubeconfigFlag+s.kagg.APIServerKubeconfig)
	if row.etcd {
		s.program.Flags = append(s.program.Flags, "--etcd-servers="+harness.StartEtcd(t))
	}
	s.server = s.start(t)
	return s
}

// start starts the server where kagg looks for it.
func (s *serverUnderTest) start(t *testing.T) *harness.APIServer {
	t.Helper()
	return s.program.Start(t, s.kagg, "wardle", "api", s.port, "testdata/servers/audit.yaml")
}

// flunder is the manifest of a Flunder.
func (s *serverUnderTest) flunder(name string) string {
	return "apiVersion: " + s.groupVersion + "\nkind: Flunder\nmetadata: {name: " + name + "}\n"
}

// path is a list in a namespace that nobody asked for before, so that nothing that
// the server remembers answers for kagg.
func (s *serverUnderTest) path() string {
	s.paths++
	return fmt.Sprintf("/apis/%s/namespaces/n%d/%s", s.groupVersion, s.paths, s.resource)
}

// want fails unless a request is answered with code, and with text in its body.
func want(t *testing.T, client *harness.Client, path string, code int, text string, headers ...string) {
	t.Helper()
	got, body, err := client.Get(t.Context(), path, headers...)
	if err != nil {
		t.Fatal(err)
	}
	if got != code || !strings.Contains(body, text) {
		t.Errorf("GET %s: %d %s; wanted %d with %q", path, got, body, code, text)
	}
}

func (s *serverUnderTest) ready(t *testing.T) {
	s.server.AwaitReady(t)
	group, version, _ := strings.Cut(s.groupVersion, "/")
	s.kubectl.Command("wait", "--for=condition=Available", "--timeout=60s", "apiservice/"+version+"."+group).Out(t)
	// The server has read which front proxies to believe, and kagg's bindings.
	s.admin.AwaitCode(t, harness.Patience, s.path(), http.StatusOK)
}

// users are those who may read, on each of their ways to the server.
func (s *serverUnderTest) users(t *testing.T) {
	serviceAccountToken := strings.TrimSpace(s.kubectl.Command("create", "token", "reader").Out(t))
	ann := authenticationv1.UserInfo{Username: "ann", UID: "uid-of-ann", Groups: []string{"readers", "gardeners", "system:authenticated"}}
	reader := authenticationv1.UserInfo{
		Username: "system:serviceaccount:default:reader",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"},
	}
	impersonated := authenticationv1.UserInfo{
		Username: "jane", UID: "uid-of-jane", Groups: []string{"readers", "system:authenticated"},
		Extra: map[string]authenticationv1.ExtraValue{"example.com/scopes": {"view", "read only"}},
	}
	for _, c := range []struct {
		name    string
		client  *harness.Client
		headers []string
		want    authenticationv1.UserInfo
		proxied bool
	}{
		{"static token through kagg", s.through, []string{"Authorization", "Bearer ann-token"}, ann, true},
		{"static token straight", s.server.Client, []string{"Authorization", "Bearer ann-token"}, ann, false},
		{"ServiceAccount token through kagg", s.through, []string{"Authorization", "Bearer " + serviceAccountToken}, reader, true},
		{"ServiceAccount token straight", s.server.Client, []string{"Authorization", "Bearer " + serviceAccountToken}, reader, false},
		{"impersonated", s.admin, []string{
			"Impersonate-User", "jane", "Impersonate-Uid", "uid-of-jane", "Impersonate-Group", "readers",
			"Impersonate-Extra-Example.com%2fscopes", "view", "Impersonate-Extra-Example.com%2fscopes", "read only",
		}, impersonated, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := s.path()
			want(t, c.client, path, http.StatusOK, "List", c.headers...)
			got := s.server.AwaitUser(t, path)
			if c.proxied && !s.uid {
				c.want.UID = ""
			}
			if strings.HasPrefix(c.name, "ServiceAccount") {
				checkServiceAccount(t, &got, !c.proxied || s.uid)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("the server saw %+v, wanted %+v", got, c.want)
			}
		})
	}
}

// checkServiceAccount checks what differs from run to run, and removes it.
func checkServiceAccount(t *testing.T, user *authenticationv1.UserInfo, uid bool) {
	t.Helper()
	if uid != (user.UID != "") {
		t.Errorf("the ServiceAccount's UID is %q", user.UID)
	}
	if id := user.Extra["authentication.kubernetes.io/credential-id"]; len(id) != 1 || !strings.HasPrefix(id[0], "JTI=") {
		t.Errorf("the token's id is %q", id)
	}
	user.UID, user.Extra = "", nil
}

// admission creates objects: the server asks kagg for the namespace, and has found
// the webhooks and, from 1.30 on, the policies.
func (s *serverUnderTest) admission(t *testing.T) {
	s.kubectl.Command("create", "-f", "-").WithInput(s.flunder("present")).Out(t)
	wantMatch(t, s.kubectl.Command("create", "-n", "missing", "-f", "-").WithInput(s.flunder("absent")).Fail(t), `namespaces "missing" not found`)
	// At once in the namespace that did not exist when the server started.
	s.kubectl.Command("create", "namespace", "new").Out(t)
	s.kubectl.Command("create", "-n", "new", "-f", "-").WithInput(s.flunder("present")).Out(t)
	if !s.policies {
		return
	}
	s.kubectl.Command("create", "-f", "testdata/servers/policy.yaml").Out(t)
	harness.Eventually(t, harness.Patience, "the server enforces a policy", func(context.Context) error {
		result := s.kubectl.Command("create", "--dry-run=server", "-f", "-").WithInput(s.flunder("forbidden")).Run(t)
		if result.Code == 0 || !strings.Contains(result.Stderr, "no flunder is called forbidden") {
			return fmt.Errorf("it answered %s%s", result.Stdout, result.Stderr)
		}
		return nil
	})
}

func (s *serverUnderTest) strangers(t *testing.T) {
	const bad = "Bearer nobodys-token"
	want(t, s.through, s.path(), http.StatusUnauthorized, `"reason":"Unauthorized"`)
	want(t, s.through, s.path(), http.StatusUnauthorized, `"reason":"Unauthorized"`, "Authorization", bad)
	want(t, s.server.Client, s.path(), http.StatusUnauthorized, "Unauthorized", "Authorization", bad)
	// Headers of a front proxy, without its certificate, name nobody.
	want(t, s.server.Client, s.path(), http.StatusForbidden, `User \"system:anonymous\" cannot list`, "X-Remote-User", "ann", "X-Remote-Group", "readers")
	want(t, s.through, s.path(), http.StatusUnauthorized, `"reason":"Unauthorized"`, "X-Remote-User", "ann", "X-Remote-Group", "readers")
}

func (s *serverUnderTest) withoutRights(t *testing.T) {
	group, _, _ := strings.Cut(s.groupVersion, "/")
	text := fmt.Sprintf(`User \"bob\" cannot list resource \"%s\" in API group \"%s\" in the namespace`, s.resource, group)
	want(t, s.through, s.path(), http.StatusForbidden, text, "Authorization", "Bearer bob-token")
	want(t, s.server.Client, s.path(), http.StatusForbidden, text, "Authorization", "Bearer bob-token")
}
