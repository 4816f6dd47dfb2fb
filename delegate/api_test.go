package delegate_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/kagg-project/kagg/delegate"
)

func object(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

func TestCreateDefaultsAndConflicts(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1()
	got, err := c.Services("default").Create(t.Context(), &corev1.Service{
		ObjectMeta: object("s"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443}}},
		Status: corev1.ServiceStatus{Conditions: []metav1.Condition{{Type: "dropped"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := corev1.ServiceSpec{
		Type: corev1.ServiceTypeClusterIP, SessionAffinity: corev1.ServiceAffinityNone,
		InternalTrafficPolicy: ptr.To(corev1.ServiceInternalTrafficPolicyCluster),
		Ports:                 []corev1.ServicePort{{Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(443)}},
		ClusterIP:             got.Spec.ClusterIP, ClusterIPs: []string{got.Spec.ClusterIP},
		IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}, IPFamilyPolicy: ptr.To(corev1.IPFamilyPolicySingleStack),
	}
	if d := cmp.Diff(want, got.Spec); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(corev1.ServiceStatus{}, got.Status); d != "" {
		t.Error(d)
	}
	if got.UID == "" || got.ResourceVersion == "" || len(got.ManagedFields) != 1 {
		t.Errorf("metadata is incomplete: %+v", got.ObjectMeta)
	}
	stale := got.DeepCopy()
	got.Spec.ExternalIPs = []string{"10.0.0.2"}
	if _, err = c.Services("default").Update(t.Context(), got, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	stale.Spec.ExternalIPs = []string{"10.0.0.1"}
	if _, err = c.Services("default").Update(t.Context(), stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("a stale update got %v, want a conflict", err)
	}
	if _, err = c.Services("default").Create(t.Context(), &corev1.Service{ObjectMeta: object("s"), Spec: want}, metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a second create got %v, want already exists", err)
	}
	_, err = c.Services("default").Create(t.Context(), &corev1.Service{
		ObjectMeta: object("t"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 70000}}},
	}, metav1.CreateOptions{})
	wantErr := `Service "t" is invalid: [spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive, ` +
		`spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive]`
	if err == nil || err.Error() != wantErr {
		t.Errorf("got  %v\nwant %s", err, wantErr)
	}
}

func TestNamespaceMissing(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1()
	_, err := c.ConfigMaps("nowhere").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: object("c")}, metav1.CreateOptions{})
	if want := `namespaces "nowhere" not found`; err == nil || err.Error() != want || !apierrors.IsNotFound(err) {
		t.Errorf("got %v, want %s", err, want)
	}
	err = c.Namespaces().Delete(t.Context(), "kube-system", metav1.DeleteOptions{})
	if want := `namespaces "kube-system" is forbidden: this namespace may not be deleted`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSelectorsAndPages(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1().Secrets("default")
	for _, s := range []corev1.Secret{
		{ObjectMeta: metav1.ObjectMeta{Name: "a", Labels: map[string]string{"x": "1"}}},
		{ObjectMeta: object("b"), Type: "example.com/own"},
		{ObjectMeta: metav1.ObjectMeta{GenerateName: "c-", Labels: map[string]string{"x": "1"}}, StringData: map[string]string{"k": "v"}},
	} {
		if _, err := c.Create(t.Context(), &s, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name    string
		options metav1.ListOptions
		want    int
	}{
		{"all", metav1.ListOptions{}, 3},
		{"label", metav1.ListOptions{LabelSelector: "x=1"}, 2},
		{"name", metav1.ListOptions{FieldSelector: "metadata.name=a"}, 1},
		{"type", metav1.ListOptions{FieldSelector: "type=example.com/own"}, 1},
		{"not type", metav1.ListOptions{FieldSelector: "type!=Opaque"}, 1},
	}
	for _, tt := range tests {
		list, err := c.List(t.Context(), tt.options)
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if len(list.Items) != tt.want {
			t.Errorf("%s: got %d, want %d", tt.name, len(list.Items), tt.want)
		}
	}
	_, err := c.List(t.Context(), metav1.ListOptions{FieldSelector: "data=x"})
	if !apierrors.IsBadRequest(err) {
		t.Errorf("an unknown field selector got %v", err)
	}
	page, err := c.List(t.Context(), metav1.ListOptions{Limit: 2})
	if err != nil || len(page.Items) != 2 || page.Continue == "" {
		t.Fatalf("first page: %v %v", page, err)
	}
	rest, err := c.List(t.Context(), metav1.ListOptions{Limit: 2, Continue: page.Continue})
	if err != nil || len(rest.Items) != 1 || rest.Continue != "" {
		t.Fatalf("second page: %v %v", rest, err)
	}
	if got := string(rest.Items[0].Data["k"]); got != "v" {
		t.Errorf("stringData became %q, want v", got)
	}
	if err := c.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "x=1"}); err != nil {
		t.Fatal(err)
	}
	if list, err := c.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 1 {
		t.Errorf("after deletecollection: %v %v", list, err)
	}
}

func TestWatchWithInitialEvents(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1().ConfigMaps("default")
	if _, err := c.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: object("old")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w, err := c.Watch(t.Context(), metav1.ListOptions{
		FieldSelector: "metadata.name!=kube-root-ca.crt", AllowWatchBookmarks: true, SendInitialEvents: new(true), ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	next := func() (watch.EventType, *corev1.ConfigMap) {
		e := <-w.ResultChan()
		m, ok := e.Object.(*corev1.ConfigMap)
		if !ok {
			t.Fatalf("got %v %v", e.Type, e.Object)
		}
		return e.Type, m
	}
	if kind, m := next(); kind != watch.Added || m.Name != "old" {
		t.Errorf("got %v %v", kind, m.Name)
	}
	if kind, m := next(); kind != watch.Bookmark || m.Annotations[metav1.InitialEventsAnnotationKey] != "true" {
		t.Errorf("got %v %v", kind, m)
	}
	if _, err := c.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: object("new")}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if kind, m := next(); kind != watch.Added || m.Name != "new" {
		t.Errorf("got %v %v", kind, m.Name)
	}
}

func TestPatches(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1().Services("default")
	if _, err := c.Create(t.Context(), &corev1.Service{ObjectMeta: object("s"), Spec: corev1.ServiceSpec{
		Ports: []corev1.ServicePort{{Name: "a", Port: 1}},
	}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		kind  types.PatchType
		patch string
		want  []string
	}{
		{types.StrategicMergePatchType, `{"spec":{"ports":[{"name":"b","port":2}]}}`, []string{"b", "a"}},
		{types.JSONPatchType, `[{"op":"remove","path":"/spec/ports/0"}]`, []string{"a"}},
		{types.MergePatchType, `{"spec":{"ports":[{"name":"c","port":3}]}}`, []string{"c"}},
	}
	for _, tt := range tests {
		s, err := c.Patch(t.Context(), "s", tt.kind, []byte(tt.patch), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(tt.kind, err)
		}
		var got []string
		for _, p := range s.Spec.Ports {
			got = append(got, p.Name)
			if p.TargetPort.IntVal != p.Port {
				t.Errorf("%s: port %s has no default target", tt.kind, p.Name)
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Error(tt.kind, d)
		}
	}
}

func TestServerSideApply(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1().ConfigMaps("default")
	apply := func(manager, value string, force bool) (*corev1.ConfigMap, error) {
		return c.Apply(t.Context(), applycorev1.ConfigMap("c", "default").WithData(map[string]string{"k": value, manager: "own"}),
			metav1.ApplyOptions{FieldManager: manager, Force: force})
	}
	if _, err := apply("one", "1", false); err != nil {
		t.Fatal(err)
	}
	_, err := apply("two", "2", false)
	if want := `Apply failed with 1 conflict: conflict with "one": .data.k`; err == nil || err.Error() != want || !apierrors.IsConflict(err) {
		t.Errorf("got %v, want %s", err, want)
	}
	got, err := apply("two", "2", true)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"k": "2", "one": "own", "two": "own"}, got.Data); d != "" {
		t.Error(d)
	}
	got, err = c.Apply(t.Context(), applycorev1.ConfigMap("c", "default").WithData(map[string]string{"k": "2"}),
		metav1.ApplyOptions{FieldManager: "two"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"k": "2", "one": "own"}, got.Data); d != "" {
		t.Error("what a manager no longer applies stayed:", d)
	}
}

func TestDryRunAndFieldValidation(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	c := clientset(t, s).CoreV1()
	if _, err := c.ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: object("dry")},
		metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ConfigMaps("default").Get(t.Context(), "dry", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a dry run left something: %v", err)
	}
	d, err := dynamic.NewForConfig(s.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("default").Create(t.Context(),
		&unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "u"}, "dada": map[string]any{},
		}}, metav1.CreateOptions{FieldValidation: "Strict"})
	if want := `ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dada"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	raw := get(t, s, "/api/v1/namespaces/kube-system/configmaps?fieldSelector=metadata.name%21%3Dkube-root-ca.crt", "application/json;as=Table;v=v1;g=meta.k8s.io")
	var table metav1.Table
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range table.ColumnDefinitions {
		names = append(names, c.Name)
	}
	if d := cmp.Diff([]string{"Name", "Data", "Age"}, names); d != "" {
		t.Error(d)
	}
	if len(table.Rows) != 1 {
		t.Fatalf("got %d rows, want 1", len(table.Rows))
	}
	if d := cmp.Diff([]any{"extension-apiserver-authentication", 2.0}, table.Rows[0].Cells[:2]); d != "" {
		t.Error(d)
	}
}

// get returns the body of a successful GET with an Accept header.
func get(t *testing.T, s *delegate.Server, path, accept string) []byte {
	t.Helper()
	c, err := rest.UnversionedRESTClientFor(dynamic.ConfigFor(s.ClientConfig()))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := c.Get().RequestURI(path).SetHeader("Accept", accept).Do(t.Context()).Raw()
	if err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return raw
}
