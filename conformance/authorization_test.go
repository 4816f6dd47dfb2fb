package conformance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

// commandsOf are the kubectl commands that a denial of the user was followed by in kagg's log, each as the
// arguments that a shell makes of it.
func commandsOf(t *testing.T, k *harness.Kagg, username string) [][]string {
	t.Helper()
	denial := regexp.MustCompile(`authorization: user "` + regexp.QuoteMeta(username) + `" cannot .*to allow it:\n((?: +kubectl .*\n)+)`)
	var commands [][]string
	k.Output().Await(t, harness.Patience, "what would allow the request of "+username, func(printed string) bool {
		return denial.MatchString(printed)
	})
	for line := range strings.Lines(denial.FindStringSubmatch(k.Output().String())[1]) {
		commands = append(commands, shellSplit(t, line))
	}
	return commands
}

// shellSplit returns the arguments of a kubectl command line, as a shell passes them on.
func shellSplit(t *testing.T, line string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\0' `+strings.TrimSpace(line)).Output()
	if err != nil {
		t.Fatalf("a shell cannot read %q: %v", line, err)
	}
	args := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	if args[0] != "kubectl" {
		t.Fatalf("%q does not run kubectl", line)
	}
	return args[1:]
}

// TestHintsGrant runs what the log says would allow a refused request, and sees the request pass.
func TestHintsGrant(t *testing.T) {
	t.Parallel()
	kagg := harness.StartKagg(t, "--authorization-mode=RBAC")
	kubectl := harness.NewKubectl(t, kagg.Kubeconfig)
	const tokenReview = `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"x"}}`
	for name, c := range map[string]struct {
		user, stdin string
		args        []string
		// commands is how many are wanted: one binds a role of every cluster.
		commands int
	}{
		"namespaced":          {user: "ann", args: []string{"get", "pods"}, commands: 2},
		"by name":             {user: "bea", args: []string{"get", "configmap", "kube-root-ca.crt"}, commands: 2},
		"subresource":         {user: "cid", args: []string{"get", "--raw=/api/v1/namespaces/default/pods/p/log"}, commands: 2},
		"scale":               {user: "dan", args: []string{"get", "--raw=/apis/apps/v1/namespaces/default/deployments/d/scale"}, commands: 2},
		"cluster scope":       {user: "system:serviceaccount:default:eve", args: []string{"get", "nodes"}, commands: 2},
		"path":                {user: "fay", args: []string{"get", "--raw=/metrics"}, commands: 2},
		"name with a quote":   {user: "gus o'neil", args: []string{"get", "secrets"}, commands: 2},
		"token review":        {user: "system:serviceaccount:default:hal", stdin: tokenReview, args: []string{"create", "--raw=/apis/authentication.k8s.io/v1/tokenreviews", "-f", "-"}, commands: 1},
		"authentication file": {user: "ida", args: []string{"get", "configmap", "extension-apiserver-authentication", "--namespace=kube-system"}, commands: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ask := func() error {
				r := kubectl.Command(append(c.args, "--as="+c.user)...).WithInput(c.stdin).Run(t)
				if strings.Contains(r.Stderr, "Forbidden") {
					return errors.New(r.Stderr)
				}
				// What is asked for need not exist.
				if r.Code != 0 && !strings.Contains(r.Stderr, "NotFound") {
					t.Fatalf("kubectl %v: %s", c.args, r.Stderr)
				}
				return nil
			}
			if ask() == nil {
				t.Fatal("allowed without any right")
			}
			commands := commandsOf(t, kagg, c.user)
			if len(commands) != c.commands {
				t.Errorf("%d commands, want %d: %q", len(commands), c.commands, commands)
			}
			for _, args := range commands {
				kubectl.Command(args...).Out(t)
			}
			harness.Eventually(t, harness.Patience, fmt.Sprintf("allowed after %q", commands), func(context.Context) error { return ask() })
		})
	}
}

// documented are the commands of docs/authorization.md that give a custom apiserver its rights, and the role
// that one of them binds.
func documented(t *testing.T) (role string, commands [][]string) {
	t.Helper()
	data, err := os.ReadFile("../docs/authorization.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(data), "\n## What a custom apiserver needs\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, block := range regexp.MustCompile("(?s)```(yaml)?\n(.*?)```").FindAllStringSubmatch(section, -1) {
		if block[1] == "yaml" {
			role += block[2]
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(block[2], "\\\n", " ")) {
			if strings.HasPrefix(line, "kubectl ") {
				commands = append(commands, shellSplit(t, line))
			}
		}
	}
	if role == "" || len(commands) != 3 {
		t.Fatalf("docs/authorization.md has the role %q and the commands %q", role, commands)
	}
	return role, commands
}

// TestDemoUnderRBAC finds the demo's apiservers with all rights that they need, and then leaves them the documented
// ones alone.
func TestDemoUnderRBAC(t *testing.T) {
	t.Parallel()
	kagg := harness.StartDemo(t, "--authorization-mode=RBAC")
	kubectl := harness.NewKubectl(t, kagg.Kubeconfig)
	for _, service := range []string{"v1.orchard.demo.kagg.dev", "v1.weather.demo.kagg.dev"} {
		kubectl.Command("wait", "--for=create", "--timeout=30s", "apiservice/"+service).Out(t)
		kubectl.Command("wait", "--for=condition=Available", "--timeout=60s", "apiservice/"+service).Out(t)
	}
	// What they list may come a moment after that.
	kagg.Client(t).AwaitCode(t, harness.Patience, "/readyz", 200)
	role, commands := documented(t)
	kubectl.Command("apply", "-f", "-").WithInput(role).Out(t)
	for _, args := range commands {
		kubectl.Command(args...).Out(t)
	}
	kubectl.Command("delete", "clusterrolebinding", "kagg-demo-delegation").Out(t)
	kubectl.Command("delete", "rolebinding", "-n", "kube-system", "kagg-demo-authentication").Out(t)
	kubectl.Command("get", "apples").Out(t)
	kubectl.Command("get", "forecasts").Out(t)
	stderr := kubectl.Command("get", "apples", "--as=alice").Fail(t)
	wantMatch(t, stderr, `User "alice" cannot list resource "apples" in API group "orchard.demo.kagg.dev" in the namespace "default"`)
	for _, args := range commandsOf(t, kagg, "alice") {
		kubectl.Command(args...).Out(t)
	}
	harness.Eventually(t, harness.Patience, "alice lists apples", func(context.Context) error {
		if r := kubectl.Command("get", "apples", "--as=alice").Run(t); r.Code != 0 {
			return errors.New(r.Stderr)
		}
		return nil
	})
	if told := fmt.Sprintf("user %q cannot", "system:kagg:apiserver"); strings.Contains(kagg.Output().String(), told) {
		t.Errorf("an apiserver of the demo was refused something:\n%s", kagg.Output())
	}
}
