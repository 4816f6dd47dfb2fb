package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

const (
	flunderAlpha = `apiVersion: wardle.example.com/v1alpha1
kind: Flunder
metadata:
  name: alpha
  labels:
    made-by: conformance
spec:
  reference: beta
`
	flunderBeta = `apiVersion: wardle.example.com/v1beta1
kind: Flunder
metadata:
  name: beta
spec:
  fischerReference: angler
  referenceType: Fischer
`
	fischer = `apiVersion: wardle.example.com/v1alpha1
kind: Fischer
metadata:
  name: angler
disallowedFlunders:
- banned
`
	applied = `apiVersion: wardle.example.com/v1beta1
kind: Flunder
metadata:
  name: applied
spec:
  flunderReference: %s
  referenceType: Flunder
`
)

// TestSampleAPIServer runs the real sample-apiserver, with its default flags,
// behind kagg and works on it with the real kubectl. The subtests are steps: each
// builds on those before it.
//
//nolint:paralleltest // Steps have an order.
func TestSampleAPIServer(t *testing.T) {
	t.Parallel()
	port := harness.FreePort(t)
	kagg := harness.StartKagg(t, "-f", "testdata/wardle", fmt.Sprintf("--endpoint=wardle/api=127.0.0.1:%d", port))
	kubectl := harness.NewKubectl(t, kagg.Kubeconfig)

	t.Run("unavailable before it runs", func(t *testing.T) {
		want := regexp.MustCompile(`(?m)^NAME +SERVICE +AVAILABLE +AGE\n` +
			`v1beta1\.wardle\.example\.com +wardle/api +False \([A-Za-z]+\) +\S+\n$`)
		// kagg answers before it has looked.
		harness.Eventually(t, harness.Patience, "kubectl tells it", func(context.Context) error {
			if out := kubectl.Command("get", "apiservices", "v1beta1.wardle.example.com").Out(t); !want.MatchString(out) {
				return fmt.Errorf("kubectl printed %q", out)
			}
			return nil
		})
	})

	sample := harness.StartSampleAPIServer(t, kagg, harness.StartEtcd(t), "wardle", "api", port)
	t.Logf("sample-apiserver %s", strings.Join(sample.Flags, " "))

	t.Run("wait for available", func(t *testing.T) {
		start := time.Now()
		kubectl.Command("wait", "--for=condition=Available", "--timeout=30s",
			"apiservice/v1alpha1.wardle.example.com", "apiservice/v1beta1.wardle.example.com").Out(t)
		t.Logf("available %s after the sample-apiserver was ready", time.Since(start).Round(time.Millisecond))
		kagg.Client(t).AwaitCode(t, harness.Patience, "/readyz", 200)
	})
	t.Run("discovery", func(t *testing.T) { sampleDiscovery(t, kubectl) })
	t.Run("create and get", func(t *testing.T) { sampleCreate(t, kubectl) })
	t.Run("admission", func(t *testing.T) { sampleAdmission(t, kubectl) })
	t.Run("watch", func(t *testing.T) { sampleWatch(t, kubectl) })
	t.Run("change", func(t *testing.T) { sampleChange(t, kubectl) })
	t.Run("apply", func(t *testing.T) { sampleApply(t, kubectl) })
	t.Run("server-side apply", func(t *testing.T) { sampleServerSideApply(t, kubectl) })
	t.Run("explain", func(t *testing.T) { sampleExplain(t, kubectl) })
	t.Run("auth can-i", func(t *testing.T) {
		if out := kubectl.Command("auth", "can-i", "create", "flunders.wardle.example.com").Out(t); out != "yes\n" {
			t.Errorf("got %q, yes was wanted", out)
		}
	})
	t.Run("delete", func(t *testing.T) { sampleDelete(t, kubectl) })
	t.Run("stopped", func(t *testing.T) { sampleStopped(t, kubectl, kagg.Client(t), sample) })
}

func sampleDiscovery(t *testing.T, kubectl *harness.Kubectl) {
	versions := kubectl.Command("api-versions").Out(t)
	for _, version := range []string{"apiregistration.k8s.io/v1", "v1", "wardle.example.com/v1alpha1", "wardle.example.com/v1beta1"} {
		wantMatch(t, versions, `(?m)^`+regexp.QuoteMeta(version)+`$`)
	}
	resources := kubectl.Command("api-resources", "--api-group=wardle.example.com").Out(t)
	wantMatch(t, resources, `^NAME +SHORTNAMES +APIVERSION +NAMESPACED +KIND\n`+
		`fischers +wardle\.example\.com/v1alpha1 +false +Fischer\n`+
		`flunders +wardle\.example\.com/v1beta1 +true +Flunder\n$`)

	services := kubectl.Command("get", "apiservices").Out(t)
	wantMatch(t, services, `^NAME +SERVICE +AVAILABLE +AGE\n`)
	for _, row := range []string{
		`v1alpha1\.wardle\.example\.com +wardle/api +True +\S+`,
		`v1beta1\.wardle\.example\.com +wardle/api +True +\S+`,
		`v1\. +Local +True +\S+`,
	} {
		wantMatch(t, services, `(?m)^`+row+`$`)
	}
}

func sampleCreate(t *testing.T, kubectl *harness.Kubectl) {
	for manifest, want := range map[string]string{
		flunderAlpha: "flunder.wardle.example.com/alpha created\n",
		flunderBeta:  "flunder.wardle.example.com/beta created\n",
		fischer:      "fischer.wardle.example.com/angler created\n",
	} {
		if got := kubectl.Command("create", "-f", "-").WithInput(manifest).Out(t); got != want {
			t.Errorf("create printed %q, want %q", got, want)
		}
	}
	wantMatch(t, kubectl.Command("get", "flunders").Out(t),
		`^NAME +CREATED AT\nalpha +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\nbeta +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$`)
	wantMatch(t, kubectl.Command("get", "fischers", "-o", "name").Out(t), `^fischer\.wardle\.example\.com/angler\n$`)

	// One object in both versions: what v1alpha1 calls reference is a
	// flunderReference in v1beta1.
	out := kubectl.Command("get", "flunders.v1beta1.wardle.example.com", "alpha", "-o", "jsonpath={.apiVersion} {.spec.flunderReference}").Out(t)
	if out != "wardle.example.com/v1beta1 beta" {
		t.Errorf("alpha in v1beta1: %q", out)
	}
	out = kubectl.Command("get", "flunders.v1alpha1.wardle.example.com", "beta", "-o", "jsonpath={.apiVersion} {.spec.reference} {.spec.referenceType}").Out(t)
	if out != "wardle.example.com/v1alpha1 angler Fischer" {
		t.Errorf("beta in v1alpha1: %q", out)
	}
	wantMatch(t, kubectl.Command("get", "flunders", "-l", "made-by=conformance", "-o", "name").Out(t),
		`^flunder\.wardle\.example\.com/alpha\n$`)
}

// sampleAdmission needs the sample-apiserver's informers on itself and on kagg.
func sampleAdmission(t *testing.T, kubectl *harness.Kubectl) {
	banned := strings.Replace(flunderAlpha, "name: alpha", "name: banned", 1)
	// BanFlunder reads fischers from an informer, which may be a moment behind.
	harness.Eventually(t, harness.Patience, "a banned flunder is refused", func(ctx context.Context) error {
		r := kubectl.Command("create", "-f", "-", "--dry-run=server").WithInput(banned).Run(t)
		if r.Code == 0 || !strings.Contains(r.Stderr, "this name may not be used, please change the resource name") {
			return fmt.Errorf("exit code %d: %s%s", r.Code, r.Stdout, r.Stderr)
		}
		return ctx.Err()
	})
	// NamespaceLifecycle asks kagg for the namespace.
	stderr := kubectl.Command("create", "-n", "nowhere", "-f", "-").WithInput(flunderAlpha).Fail(t)
	wantMatch(t, stderr, `namespaces "nowhere" not found`)
	kubectl.Command("create", "namespace", "somewhere").Out(t)
	out := kubectl.Command("create", "-n", "somewhere", "-f", "-").WithInput(flunderAlpha).Out(t)
	wantMatch(t, out, `^flunder\.wardle\.example\.com/alpha created\n$`)
}

func sampleWatch(t *testing.T, kubectl *harness.Kubectl) {
	watch := kubectl.Command("get", "flunders", "-w", "--output-watch-events").Start(t)
	watch.Output().AwaitText(t, harness.Patience, "beta ")
	kubectl.Command("create", "-f", "-").WithInput(strings.Replace(flunderAlpha, "name: alpha", "name: watched", 1)).Out(t)
	awaitMatch(t, watch, `(?m)^ADDED +watched +\S+$`)
	kubectl.Command("delete", "flunder", "watched").Out(t)
	awaitMatch(t, watch, `(?m)^DELETED +watched +\S+$`)
	watch.Stop(t)
}

func sampleChange(t *testing.T, kubectl *harness.Kubectl) {
	reference := func() string {
		return kubectl.Command("get", "flunders.v1alpha1.wardle.example.com", "alpha", "-o", "jsonpath={.spec.reference}").Out(t)
	}
	out := kubectl.Command("patch", "flunders.v1alpha1.wardle.example.com", "alpha", "--type=merge", "-p", `{"spec":{"reference":"patched"}}`).Out(t)
	wantMatch(t, out, `^flunder\.wardle\.example\.com/alpha patched\n$`)
	if got := reference(); got != "patched" {
		t.Errorf("after patch the reference is %q", got)
	}

	out = kubectl.Command("edit", "flunders.v1alpha1.wardle.example.com", "alpha").
		WithEnv("KUBE_EDITOR=sed -i s/patched/edited/").Out(t)
	wantMatch(t, out, `^flunder\.wardle\.example\.com/alpha edited\n$`)
	if got := reference(); got != "edited" {
		t.Errorf("after edit the reference is %q", got)
	}

	out = kubectl.Command("label", "flunder", "alpha", "colour=green").Out(t)
	wantMatch(t, out, `^flunder\.wardle\.example\.com/alpha labeled\n$`)
	wantMatch(t, kubectl.Command("get", "flunders", "-L", "colour").Out(t), `(?m)^alpha +\S+ +green$`)
}

func sampleApply(t *testing.T, kubectl *harness.Kubectl) {
	for _, step := range []struct{ reference, want string }{
		{"one", "created"}, {"one", "unchanged"}, {"two", "configured"},
	} {
		out := kubectl.Command("apply", "-f", "-").WithInput(fmt.Sprintf(applied, step.reference)).Out(t)
		if want := "flunder.wardle.example.com/applied " + step.want + "\n"; out != want {
			t.Errorf("apply of %s printed %q, want %q", step.reference, out, want)
		}
	}
}

func sampleServerSideApply(t *testing.T, kubectl *harness.Kubectl) {
	manifest := strings.Replace(applied, "name: applied", "name: applied-by-server", 1)
	apply := func(manager, reference string) *harness.Call {
		return kubectl.Command("apply", "--server-side", "--field-manager="+manager, "-f", "-").WithInput(fmt.Sprintf(manifest, reference))
	}
	wantMatch(t, apply("first", "one").Out(t), `^flunder\.wardle\.example\.com/applied-by-server serverside-applied\n$`)
	wantMatch(t, apply("second", "two").Fail(t), `conflict with "first": \.spec\.flunderReference`)
	managers := kubectl.Command("get", "flunder", "applied-by-server", "--show-managed-fields", "-o", "jsonpath={.metadata.managedFields[*].manager}").Out(t)
	if managers != "first" {
		t.Errorf("field managers: %q", managers)
	}
}

func sampleExplain(t *testing.T, kubectl *harness.Kubectl) {
	out := kubectl.Command("explain", "flunder.spec").Out(t)
	wantMatch(t, out, `(?s)GROUP: +wardle\.example\.com\nKIND: +Flunder\nVERSION: +v1beta1\n.*FIELD: spec <FlunderSpec>\n.*`+
		`  fischerReference\t<string>\n.*  flunderReference\t<string>\n.*  referenceType\t<string>\n`)
	out = kubectl.Command("explain", "flunder.spec.reference", "--api-version=wardle.example.com/v1alpha1").Out(t)
	wantMatch(t, out, `A name of another flunder or fischer`)
}

func sampleDelete(t *testing.T, kubectl *harness.Kubectl) {
	out := kubectl.Command("delete", "flunder", "alpha", "beta", "applied", "applied-by-server").Out(t)
	wantMatch(t, out, `flunder\.wardle\.example\.com "alpha" deleted`)
	r := kubectl.Command("get", "flunders").Run(t)
	if r.Stdout != "" || !strings.HasPrefix(r.Stderr, "No resources found") {
		t.Errorf("after delete: %q %q", r.Stdout, r.Stderr)
	}
	wantMatch(t, kubectl.Command("get", "flunder", "alpha").Fail(t),
		`^Error from server \(NotFound\): flunders\.wardle\.example\.com "alpha" not found\n$`)
}

// sampleStopped stops the sample-apiserver: its group stays listed, and what asks
// for it is told why it cannot be had.
func sampleStopped(t *testing.T, kubectl *harness.Kubectl, client *harness.Client, sample *harness.SampleAPIServer) {
	sample.Stop(t)
	harness.Eventually(t, harness.Patience, "the APIService is not available", func(ctx context.Context) error {
		out := kubectl.Command("get", "apiservice", "v1beta1.wardle.example.com", "--no-headers").Out(t)
		if !strings.Contains(out, "False (FailedDiscoveryCheck)") {
			return fmt.Errorf("kubectl printed %q", out)
		}
		return ctx.Err()
	})
	code, body, err := client.Get(t.Context(), "/apis", "Accept", "application/json")
	if err != nil || code != http.StatusOK {
		t.Fatalf("/apis: %d %s %v", code, body, err)
	}
	wantMatch(t, body, `"groupVersion": ?"wardle\.example\.com/v1beta1"`)
	took := harness.Eventually(t, harness.Patience, "discovery is stale", func(context.Context) error {
		got, want := staleVersions(t, client), []string{"wardle.example.com/v1beta1", "wardle.example.com/v1alpha1"}
		if !slices.Equal(got, want) {
			return fmt.Errorf("the stale versions are %q, want %q", got, want)
		}
		return nil
	})
	t.Logf("discovery is stale %s after the APIService became unavailable", took.Round(time.Millisecond))
	// kubectl leaves stale versions out; it must go on working for all others.
	wantMatch(t, kubectl.Command("api-resources", "--api-group=apiregistration.k8s.io").Out(t), `\napiservices `)
	client.AwaitCode(t, harness.Patience, "/apis/wardle.example.com/v1beta1/flunders", http.StatusServiceUnavailable)
}

// staleVersions returns what the aggregated discovery document calls stale.
func staleVersions(t *testing.T, client *harness.Client) []string {
	t.Helper()
	code, body, err := client.Get(t.Context(), "/apis", "Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
	if err != nil || code != http.StatusOK {
		t.Fatalf("/apis: %d %s %v", code, body, err)
	}
	var groups apidiscoveryv2.APIGroupDiscoveryList
	if err := json.Unmarshal([]byte(body), &groups); err != nil {
		t.Fatal(err)
	}
	var stale []string
	for _, group := range groups.Items {
		for _, version := range group.Versions {
			if version.Freshness == apidiscoveryv2.DiscoveryFreshnessStale {
				stale = append(stale, group.Name+"/"+version.Version)
			}
		}
	}
	return stale
}

func wantMatch(t *testing.T, got, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("got\n%s\nwhich does not match\n%s", got, pattern)
	}
}

func awaitMatch(t *testing.T, p *harness.Process, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	p.Output().Await(t, harness.Patience, "printing "+pattern, re.MatchString)
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
