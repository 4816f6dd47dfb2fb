package delegate_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	"k8s.io/kube-openapi/pkg/util/proto"
	"k8s.io/utils/ptr"

	"github.com/kagg-project/kagg/delegate"
)

// TestInformersSync runs what a custom apiserver waits for at its start.
func TestInformersSync(t *testing.T) {
	t.Parallel()
	f := informers.NewSharedInformerFactory(clientset(t, newServer(t, nil)), 0)
	f.Core().V1().Namespaces().Informer()
	f.Core().V1().ConfigMaps().Informer()
	f.Core().V1().Secrets().Informer()
	f.Core().V1().Services().Informer()
	f.Core().V1().Endpoints().Informer()
	f.Core().V1().Nodes().Informer()
	f.Core().V1().Pods().Informer()
	f.Discovery().V1().EndpointSlices().Informer()
	f.Admissionregistration().V1().MutatingWebhookConfigurations().Informer()
	f.Admissionregistration().V1().ValidatingWebhookConfigurations().Informer()
	f.Admissionregistration().V1().ValidatingAdmissionPolicies().Informer()
	f.Admissionregistration().V1().ValidatingAdmissionPolicyBindings().Informer()
	f.Admissionregistration().V1().MutatingAdmissionPolicies().Informer()
	f.Admissionregistration().V1().MutatingAdmissionPolicyBindings().Informer()
	f.Flowcontrol().V1().FlowSchemas().Informer()
	f.Flowcontrol().V1().PriorityLevelConfigurations().Informer()
	f.Rbac().V1().ClusterRoles().Informer()
	f.Rbac().V1().RoleBindings().Informer()
	f.Coordination().V1().Leases().Informer()
	f.Start(t.Context().Done())
	for kind, synced := range f.WaitForCacheSync(t.Context().Done()) {
		if !synced {
			t.Errorf("the informer of %v did not sync", kind)
		}
	}
	ns, err := f.Core().V1().Namespaces().Lister().Get("kube-system")
	if err != nil || ns.Status.Phase != corev1.NamespaceActive || ns.Labels[corev1.LabelMetadataName] != "kube-system" {
		t.Errorf("kube-system: %v %v", ns, err)
	}
	if _, err := f.Flowcontrol().V1().FlowSchemas().Lister().Get("catch-all"); err != nil {
		t.Error(err)
	}
}

func TestAuthenticationConfig(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	c := clientset(t, s).CoreV1().ConfigMaps("kube-system")
	read := func() *corev1.ConfigMap {
		m, err := c.Get(t.Context(), "extension-apiserver-authentication", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	first := read()
	if d := cmp.Diff(map[string]string{"client-ca-file": "ca", "requestheader-allowed-names": `["front-proxy-client"]`}, first.Data); d != "" {
		t.Error(d)
	}
	if err := s.PublishAuthenticationConfig(t.Context(), first.Data); err != nil {
		t.Fatal(err)
	}
	if again := read(); again.ResourceVersion != first.ResourceVersion {
		t.Error("publishing the same data wrote")
	}
	if err := s.PublishAuthenticationConfig(t.Context(), map[string]string{"client-ca-file": "new"}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"client-ca-file": "new"}, read().Data); d != "" {
		t.Error(d)
	}
}

func TestNamespaceDeletion(t *testing.T) {
	t.Parallel()
	emptied := make(chan string, 100)
	c := clientset(t, newServer(t, func(c *delegate.Config) {
		c.EmptyNamespace = func(_ context.Context, name string) delegate.Remains { emptied <- name; return delegate.Remains{} }
	})).CoreV1()
	if _, err := c.Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: object("n")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	kept, err := c.ConfigMaps("n").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c", Finalizers: []string{"example.com/keep"}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Namespaces().Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=n"})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := c.Namespaces().Delete(t.Context(), "n", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	ns, err := c.Namespaces().Get(t.Context(), "n", metav1.GetOptions{})
	if err != nil || ns.Status.Phase != corev1.NamespaceTerminating || ns.DeletionTimestamp == nil {
		t.Fatalf("after the deletion: %v %v", ns, err)
	}
	_, err = c.Secrets("n").Create(t.Context(), &corev1.Secret{ObjectMeta: object("late")}, metav1.CreateOptions{})
	if !apierrors.IsForbidden(err) || !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		t.Errorf("creation in a terminating namespace got %v", err)
	}
	if _, err := c.ConfigMaps("n").Patch(t.Context(), kept.Name, "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	var last corev1.NamespacePhase
	for e := range w.ResultChan() {
		if ns, ok := e.Object.(*corev1.Namespace); ok {
			last = ns.Status.Phase
		}
		if e.Type == "DELETED" {
			break
		}
	}
	if last != corev1.NamespaceTerminating || <-emptied != "n" {
		t.Errorf("the namespace ended %s", last)
	}
}

func TestEventsAreOneKind(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil))
	made, err := c.EventsV1().Events("default").Create(t.Context(), &eventsv1.Event{
		ObjectMeta: object("e"), Reason: "Why", Note: "text", ReportingController: "me",
		Regarding: corev1.ObjectReference{Kind: "Pod", Name: "p"}, Type: "Normal", EventTime: metav1.NowMicro(),
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.CoreV1().Events("default").List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=p,reason=Why"})
	if err != nil || len(list.Items) != 1 {
		t.Fatalf("%v %v", list, err)
	}
	if got := list.Items[0]; got.UID != made.UID || got.Message != "text" || got.InvolvedObject.Kind != "Pod" || got.ReportingController != "me" {
		t.Errorf("got %+v", got)
	}
	other, err := c.EventsV1().Events("").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(other.Items) != 1 || other.Items[0].Note != "text" {
		t.Errorf("%v %v", other, err)
	}
}

func TestAPIServices(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	c, err := aggregator.NewForConfig(s.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	services := c.ApiregistrationV1().APIServices()
	spec := apiregistrationv1.APIServiceSpec{
		Group: "example.com", Version: "v1", GroupPriorityMinimum: 100, VersionPriority: 1, InsecureSkipTLSVerify: true,
		Service: &apiregistrationv1.ServiceReference{Namespace: "n", Name: "s"},
	}
	got, err := services.Create(t.Context(), &apiregistrationv1.APIService{ObjectMeta: object("v1.example.com"), Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ptr.To[int32](443), got.Spec.Service.Port); d != "" {
		t.Error(d)
	}
	got.Status.Conditions = []apiregistrationv1.APIServiceCondition{{Type: "Available", Status: "False", Reason: "Why", LastTransitionTime: metav1.Now()}}
	if _, err := services.UpdateStatus(t.Context(), got, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	var table metav1.Table
	if err := json.Unmarshal(get(t, s, "/apis/apiregistration.k8s.io/v1/apiservices", "application/json;as=Table;v=v1;g=meta.k8s.io"), &table); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]any{"v1.example.com", "n/s", "False (Why)"}, table.Rows[0].Cells[:3]); d != "" {
		t.Error(d)
	}
	spec.GroupPriorityMinimum = 0
	_, err = services.Create(t.Context(), &apiregistrationv1.APIService{ObjectMeta: object("v1.example.org"), Spec: spec}, metav1.CreateOptions{})
	want := `APIService.apiregistration.k8s.io "v1.example.org" is invalid: ` +
		"[metadata.name: Invalid value: \"v1.example.org\": must be `spec.version+\".\"+spec.group`: \"v1.example.com\", " +
		`spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000]`
	if text := errorText(err); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	d, err := discovery.NewDiscoveryClientForConfig(s.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	v, err := d.ServerVersion()
	if err != nil || v.GitVersion != "v1.37.2-kagg" {
		t.Errorf("version: %v %v", v, err)
	}
	_, lists, err := d.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, l := range lists {
		for i := range l.APIResources {
			if r := &l.APIResources[i]; !strings.Contains(r.Name, "/") {
				served = append(served, l.GroupVersion+" "+r.Name)
			}
		}
	}
	var kinds []string
	for _, k := range s.Kinds() {
		kinds = append(kinds, k.GroupVersion().String()+" "+k.Resource)
		if k.Resource == "namespaces" {
			want := delegate.Kind{
				GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Namespace"), Resource: "namespaces", Singular: "namespace",
				ShortNames: []string{"ns"}, Verbs: []string{"create", "delete", "get", "list", "patch", "update", "watch"},
				Subresources: []string{"finalize", "status"}, FieldSelectors: []string{"metadata.name", "name", "status.phase"},
			}
			if d := cmp.Diff(want, k); d != "" {
				t.Error(d)
			}
		}
	}
	slices.Sort(served)
	slices.Sort(kinds)
	if d := cmp.Diff(kinds, served); d != "" {
		t.Error(d)
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	for path, want := range map[string]string{
		"/apis/nothing.example.com/v1": "404 page not found\n",
		"/nothing":                     "404 page not found\n",
	} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound || w.Body.String() != want {
			t.Errorf("%s: %d %q", path, w.Code, w.Body.String())
		}
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	d, err := discovery.NewDiscoveryClientForConfig(s.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := d.OpenAPISchema()
	if err != nil {
		t.Fatal(err)
	}
	checkModels(t, doc)
	paths, err := d.OpenAPIV3().Paths()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"api", "api/v1", "apis", "apis/apiregistration.k8s.io/v1", "apis/discovery.k8s.io/v1", "version"} {
		gv := paths[path]
		if gv == nil {
			t.Errorf("/openapi/v3 has no %s", path)
			continue
		}
		if _, err := gv.Schema("application/com.github.proto-openapi.spec.v3@v1.0+protobuf"); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	raw, err := paths["api/v1"].Schema("application/json")
	if err != nil {
		t.Fatal(err)
	}
	var v3 struct {
		Info       map[string]string
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal(raw, &v3); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"title": "Kubernetes", "version": "v1.37.2"}, v3.Info); d != "" {
		t.Error(d)
	}
	want := []any{map[string]any{"group": "", "version": "v1", "kind": "ConfigMap"}}
	if d := cmp.Diff(want, v3.Components.Schemas["io.k8s.api.core.v1.ConfigMap"]["x-kubernetes-group-version-kind"]); d != "" {
		t.Error(d)
	}
	for name := range v3.Components.Schemas {
		if !strings.HasPrefix(name, "io.k8s.api.") && !strings.HasPrefix(name, "io.k8s.apimachinery.") {
			t.Errorf("a kube-apiserver has no schema %s", name)
		}
	}
}

func checkModels(t *testing.T, doc *openapi_v2.Document) {
	t.Helper()
	models, err := proto.NewOpenAPIData(doc)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"io.k8s.api.core.v1.Secret", "io.k8s.api.discovery.v1.EndpointSlice", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
		"io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService",
	} {
		if models.LookupModel(name) == nil {
			t.Errorf("/openapi/v2 has no %s", name)
		}
	}
	secret := models.LookupModel("io.k8s.api.core.v1.Secret")
	if secret == nil || !strings.HasPrefix(secret.GetDescription(), "Secret holds secret data") {
		t.Error("the schemas have no documentation")
	}
}
