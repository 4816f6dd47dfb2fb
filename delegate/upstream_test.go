package delegate_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kagg-project/kagg/delegate"
)

// The items of a list do not repeat what the list says of them; a single object says it.
func TestKindsInJSON(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	type typed struct {
		metav1.TypeMeta
		Items []metav1.TypeMeta
	}
	const configMaps = "/api/v1/namespaces/kube-system/configmaps"
	for path, want := range map[string]typed{
		configMaps: {TypeMeta: metav1.TypeMeta{Kind: "ConfigMapList", APIVersion: "v1"}, Items: []metav1.TypeMeta{{}, {}}},
		configMaps + "/" + delegate.AuthenticationConfigMap: {TypeMeta: metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"}},
	} {
		var got typed
		if err := json.Unmarshal(get(t, s, path, "application/json"), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", path, d)
		}
	}
}

// What waits for a finalizer keeps neither the other kinds nor other servers' objects: they may be what
// the finalizer waits for.
func TestNamespaceIsEmptiedAtOnce(t *testing.T) {
	t.Parallel()
	emptied := make(chan string, 100)
	c := clientset(t, newServer(t, func(c *delegate.Config) {
		c.EmptyNamespace = func(_ context.Context, name string) delegate.Remains { emptied <- name; return delegate.Remains{} }
	})).CoreV1()
	if _, err := c.Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: object("n")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	kept := metav1.ObjectMeta{Name: "kept", Finalizers: []string{"example.com/keep"}}
	if _, err := c.ConfigMaps("n").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: kept}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ServiceAccounts("n").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: object("a")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w, err := c.ServiceAccounts("n").Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := c.Namespaces().Delete(t.Context(), "n", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for e := range w.ResultChan() {
		if e.Type == "DELETED" {
			break
		}
	}
	if got := <-emptied; got != "n" {
		t.Errorf("emptied %q", got)
	}
	ns, err := c.Namespaces().Get(t.Context(), "n", metav1.GetOptions{})
	if err != nil || ns.Status.Phase != corev1.NamespaceTerminating {
		t.Errorf("the namespace did not wait for the finalizer: %v %v", ns, err)
	}
}

func TestGeneratedNamespaceHasItsLabel(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1().Namespaces()
	got, err := c.Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "n-"},
		Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{corev1.LabelMetadataName: got.Name}, got.Labels); d != "" {
		t.Error(d)
	}
}

// What holds one namespace up holds no other up.
func TestNamespacesAreEmptiedSideBySide(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	c := clientset(t, newServer(t, func(c *delegate.Config) {
		c.EmptyNamespace = func(_ context.Context, name string) delegate.Remains {
			if name == "slow" {
				close(entered)
				<-release
			}
			return delegate.Remains{}
		}
	})).CoreV1().Namespaces()
	for _, name := range []string{"slow", "quick"} {
		if _, err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: object(name)}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := c.Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=quick"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := c.Delete(t.Context(), "slow", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	<-entered
	if err := c.Delete(t.Context(), "quick", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for e := range w.ResultChan() {
		if e.Type == "DELETED" {
			return
		}
	}
	t.Error("the watch ended before the namespace")
}
