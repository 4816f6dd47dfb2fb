package conformance

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

// stranger returns a kubectl that knows the server and has no credentials: a
// client certificate would count before a token.
func stranger(t *testing.T, k *harness.Kagg) *harness.Kubectl {
	t.Helper()
	config, err := clientcmd.LoadFromFile(k.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for name := range config.AuthInfos {
		config.AuthInfos[name] = clientcmdapi.NewAuthInfo()
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return harness.NewKubectl(t, file)
}

// whoami is who kubectl is to the server.
func whoami(t *testing.T, kubectl *harness.Kubectl, args ...string) authenticationv1.UserInfo {
	t.Helper()
	out := kubectl.Command(append([]string{"auth", "whoami", "-o", "json"}, args...)...).Out(t)
	var review authenticationv1.SelfSubjectReview
	if err := json.Unmarshal([]byte(out), &review); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return review.Status.UserInfo
}

func TestKubectlTokens(t *testing.T) {
	t.Parallel()
	kagg := harness.StartKagg(t)
	admin, nobody := harness.NewKubectl(t, kagg.Kubeconfig), stranger(t, kagg)
	admin.Command("create", "namespace", "robots").Out(t)
	admin.Command("create", "serviceaccount", "robot", "-n", "robots").Out(t)
	token := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(admin.Command(append([]string{"create", "token", "-n", "robots"}, args...)...).Out(t))
	}

	got := whoami(t, nobody, "--token="+token("robot"))
	if got.UID == "" || len(got.Extra["authentication.kubernetes.io/credential-id"]) != 1 {
		t.Errorf("the token's user has no UID or credential: %v", got)
	}
	got.UID, got.Extra = "", nil
	if d := cmp.Diff(authenticationv1.UserInfo{
		Username: "system:serviceaccount:robots:robot",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:robots", "system:authenticated"},
	}, got); d != "" {
		t.Error(d)
	}
	wantMatch(t, nobody.Command("get", "namespace", "robots", "-o", "name", "--token="+token("default")).Out(t), `^namespace/robots\n$`)

	// kubectl asks for credentials where it is refused, as of any cluster.
	unauthorized := `You must be logged in to the server \(Unauthorized\)|Unauthorized`
	wantMatch(t, nobody.Command("get", "namespaces", "--token="+token("robot", "--audience=other")).Fail(t), unauthorized)
	wantMatch(t, nobody.Command("get", "namespaces", "--token=unknown").Fail(t), unauthorized)

	admin.Command("create", "secret", "generic", "anchor", "-n", "robots").Out(t)
	bound := token("robot", "--bound-object-kind=Secret", "--bound-object-name=anchor", "--duration=20m")
	nobody.Command("get", "namespaces", "--token="+bound).Out(t)
	admin.Command("delete", "secret", "anchor", "-n", "robots").Out(t)
	wantMatch(t, nobody.Command("get", "namespaces", "--token="+bound).Fail(t), unauthorized)

	for text, args := range map[string][]string{
		`^error: failed to create token: TokenRequest\.authentication\.k8s\.io "" is invalid: spec\.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes\n$`: {"robot", "--duration=1m"},
		`^error: failed to create token: serviceaccounts "nobody" not found\n$`:                                  {"nobody"},
		`^error: failed to create token: pods "none" not found\n$`:                                               {"robot", "--bound-object-kind=Pod", "--bound-object-name=none"},
		`^error: failed to create token: Operation cannot be fulfilled on Node "n": the UID in the bound object`: {"robot", "--bound-object-kind=Node", "--bound-object-name=n", "--bound-object-uid=no"},
	} {
		if strings.Contains(text, "Node") {
			admin.Command("create", "-f", "-").WithInput(`{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}}`).Out(t)
		}
		wantMatch(t, admin.Command(append([]string{"create", "token", "-n", "robots"}, args...)...).Fail(t), text)
	}
}

func TestKubectlAs(t *testing.T) {
	t.Parallel()
	kubectl := harness.NewKubectl(t, harness.StartKagg(t).Kubeconfig)
	if d := cmp.Diff(authenticationv1.UserInfo{
		Username: "jane", UID: "7", Groups: []string{"a", "b", "system:authenticated"},
		Extra: map[string]authenticationv1.ExtraValue{"example.com/scope": {"read", "write"}},
	}, whoami(t, kubectl, "--as=jane", "--as-uid=7", "--as-group=a", "--as-group=b",
		"--as-user-extra=example.com/scope=read", "--as-user-extra=example.com/scope=write")); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(authenticationv1.UserInfo{
		Username: "system:serviceaccount:default:default",
		Groups:   []string{"system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"},
	}, whoami(t, kubectl, "--as=system:serviceaccount:default:default")); d != "" {
		t.Error(d)
	}
	if admin := whoami(t, kubectl); admin.Username != "kubernetes-admin" ||
		!strings.HasPrefix(admin.Extra["authentication.kubernetes.io/credential-id"][0], "X509SHA256=") {
		t.Errorf("without --as: %v", admin)
	}
}
