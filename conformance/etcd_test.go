package conformance

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kagg-project/kagg/conformance/internal/harness"
)

const sharedConfigMap = `apiVersion: v1
kind: ConfigMap
metadata: {name: shared, namespace: default}
data: {from: first}
`

// TestSharedEtcd runs two kagg with state folders, and so certificate authorities, of their own on one
// etcd: each serves what was written through the other, and one custom apiserver believes both.
//
//nolint:paralleltest // The steps have an order.
func TestSharedEtcd(t *testing.T) {
	t.Parallel()
	etcd := harness.StartEtcd(t)
	port := harness.FreePort(t)
	args := []string{"--etcd-servers=" + etcd, "--etcd-prefix=/shared", fmt.Sprintf("--endpoint=wardle/api=127.0.0.1:%d", port)}
	first, second := harness.StartKagg(t, args...), harness.StartKagg(t, args...)
	one, two := harness.NewKubectl(t, first.Kubeconfig), harness.NewKubectl(t, second.Kubeconfig)
	if code, body, err := first.Client(t).Get(t.Context(), "/readyz/etcd"); err != nil || code != 200 {
		t.Errorf("/readyz/etcd: %d %s %v", code, body, err)
	}

	watch := two.Command("get", "configmaps", "-w", "-o", "name").Start(t)
	watch.Output().AwaitText(t, harness.Patience, "kube-root-ca.crt")
	one.Command("create", "-f", "-").WithInput(sharedConfigMap).Out(t)
	watch.Output().AwaitText(t, harness.Patience, "configmap/shared")
	watch.Stop(t)

	trust := two.Command("get", "configmap", "-n", "kube-system", "extension-apiserver-authentication", "-o", "jsonpath={.data}").Out(t)
	roots := one.Command("get", "configmap", "-n", "default", "kube-root-ca.crt", "-o", "jsonpath={.data}").Out(t)
	for _, kagg := range []*harness.Kagg{first, second} {
		wantCertificate(t, trust, kagg, "front-proxy-ca")
		wantCertificate(t, trust, kagg, "cluster-ca")
		wantCertificate(t, roots, kagg, "cluster-ca")
	}
	t.Run("nobody takes turns in writing", func(t *testing.T) { sharedQuiet(t, one, two) })
	t.Run("taken addresses", func(t *testing.T) { sharedAddresses(t, one, two) })
	t.Run("a custom apiserver", func(t *testing.T) { sharedBackend(t, first, second, etcd, port) })
	t.Run("a namespace goes", func(t *testing.T) {
		one.Command("create", "namespace", "brief").Out(t)
		two.Command("delete", "namespace", "brief", "--timeout=30s").Out(t)
		one.Command("get", "namespace", "brief").Fail(t)
	})
}

// wantCertificate looks for the first certificate of a file of the state folder in JSON data.
func wantCertificate(t *testing.T, data string, kagg *harness.Kagg, name string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(kagg.StateDir, "pki", name+".crt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(content)), "\n") {
		if !strings.Contains(data, line) {
			t.Fatalf("the %s of %s is not in %s", name, kagg.StateDir, data)
		}
	}
}

// sharedQuiet holds that what both publish does not change any more.
func sharedQuiet(t *testing.T, one, two *harness.Kubectl) {
	t.Helper()
	versions := func(k *harness.Kubectl) string {
		return k.Command("get", "configmaps,apiservices", "-A", "-o", "jsonpath={range .items[*]}{.metadata.name}@{.metadata.resourceVersion} {end}").Out(t)
	}
	before := ""
	harness.Eventually(t, harness.Patience, "both publish the same twice in a row", func(context.Context) error {
		last := before
		before = versions(one)
		if before != last || versions(two) != before {
			return errors.New("it still changes: " + before)
		}
		return nil
	})
}

// sharedAddresses holds that neither gives away what a Service has that was written through the other.
func sharedAddresses(t *testing.T, one, two *harness.Kubectl) {
	t.Helper()
	const first = "{apiVersion: v1, kind: Service, metadata: {name: first, namespace: default}, spec: {type: NodePort, clusterIP: 10.96.7.7, ports: [{port: 80, nodePort: 30080}]}}"
	one.Command("create", "-f", "-").WithInput(first).Out(t)
	for what, same := range map[string]string{
		"cluster IP": "{apiVersion: v1, kind: Service, metadata: {name: second, namespace: default}, spec: {clusterIP: 10.96.7.7, ports: [{port: 80}]}}",
		"node port":  "{apiVersion: v1, kind: Service, metadata: {name: second, namespace: default}, spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}}",
	} {
		t.Run(what, func(t *testing.T) {
			two.Command("create", "-f", "-").WithInput(same).Fail(t)
		})
	}
}

func sharedBackend(t *testing.T, first, second *harness.Kagg, etcd string, port int) {
	t.Helper()
	one, two := harness.NewKubectl(t, first.Kubeconfig), harness.NewKubectl(t, second.Kubeconfig)
	manifest, err := os.ReadFile("testdata/wardle/apiservices.yaml")
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(filepath.Join(first.StateDir, "pki", "cluster-ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	bundle := "  caBundle: " + base64.StdEncoding.EncodeToString(ca) + "\n  group: wardle"
	one.Command("create", "namespace", "wardle").Out(t)
	one.Command("create", "-f", "-").WithInput(strings.ReplaceAll(string(manifest), "  group: wardle", bundle)).Out(t)
	sample := harness.StartSampleAPIServer(t, first, etcd, "wardle", "api", port)
	for _, k := range []*harness.Kubectl{one, two} {
		k.Command("wait", "--for=condition=Available", "--timeout=30s", "apiservice/v1alpha1.wardle.example.com", "apiservice/v1beta1.wardle.example.com").Out(t)
		harness.Eventually(t, harness.Patience, "merged discovery", func(context.Context) error {
			if out := k.Command("api-resources", "--api-group=wardle.example.com").Out(t); !strings.Contains(out, "flunders") {
				return errors.New(out)
			}
			return nil
		})
	}
	one.Command("create", "-f", "-").WithInput(flunderAlpha).Out(t)
	if out := two.Command("get", "flunders", "alpha", "-o", "name").Out(t); out != "flunder.wardle.example.com/alpha\n" {
		t.Errorf("through the second: %q", out)
	}
	sample.Stop(t)
	for _, k := range []*harness.Kubectl{one, two} {
		k.Command("wait", "--for=condition=Available=false", "--timeout=30s", "apiservice/v1beta1.wardle.example.com").Out(t)
	}
	one.Command("delete", "apiservice", "v1alpha1.wardle.example.com", "v1beta1.wardle.example.com").Out(t)
	harness.Eventually(t, harness.Patience, "the group leaves the second's discovery", func(context.Context) error {
		if out := two.Command("api-versions").Out(t); strings.Contains(out, "wardle") {
			return errors.New(out)
		}
		return nil
	})
}

// A start without its etcd fails soon and says which; one that goes away and comes back is waited for.
func TestUnreachableEtcd(t *testing.T) {
	t.Parallel()
	address := fmt.Sprintf("http://127.0.0.1:%d", harness.FreePort(t))
	begun := time.Now()
	kagg := harness.RunKagg(t, "serve", "--secure-port=0", "--state-dir="+filepath.Join(t.TempDir(), "state"), "--etcd-servers="+address)
	if code := kagg.ExitCode(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(begun); took > 40*time.Second {
		t.Errorf("it took %s", took)
	}
	for _, want := range []string{"waits up to 10s for the etcd at " + address, "the etcd at " + address + " cannot be reached within 10s", "connection refused", "--etcd-servers"} {
		if !strings.Contains(kagg.Output().String(), want) {
			t.Errorf("want %q in:\n%s", want, kagg.Output())
		}
	}
}
