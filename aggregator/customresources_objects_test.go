package aggregator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

func gadget(t *testing.T, name, spec string) *unstructured.Unstructured {
	t.Helper()
	return object(t, "{apiVersion: toys.example.com/v1, kind: Gadget, metadata: {name: "+name+"}, spec: "+spec+"}")
}

// refused fails unless err has the code and the text.
func refused(t *testing.T, what string, err error, code int32, text string) {
	t.Helper()
	status, ok := err.(apierrors.APIStatus)
	if !ok || status.Status().Code != code || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %v; wanted %d with %q", what, err, code, text)
	}
}

func TestCustomObjectsAreHeldToTheirSchema(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	r.define(gadgetsDefinition)
	c := r.dynamic.Resource(gadgets).Namespace("default")
	in := gadget(t, "one", "{unknown: 1, max: 3}")
	in.Object["status"] = map[string]any{"phase": "Made up"}
	got, err := c.Create(t.Context(), in, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"color": "red", "replicas": int64(1), "max": int64(3)}
	if d := cmp.Diff(want, got.Object["spec"]); d != "" {
		t.Errorf("not defaulted and pruned (-want +got):\n%s", d)
	}
	if _, has := got.Object["status"]; has || got.GetGeneration() != 1 {
		t.Errorf("the status was not dropped, or the generation is not 1: %v", got.Object)
	}
	_, err = c.Create(t.Context(), gadget(t, "two", "{replicas: 4, max: 3}"), metav1.CreateOptions{})
	refused(t, "a rule", err, http.StatusUnprocessableEntity, "too many replicas")
	_, err = c.Create(t.Context(), gadget(t, "two", "{color: 4}"), metav1.CreateOptions{})
	refused(t, "a type", err, http.StatusUnprocessableEntity, "spec.color")
	_, err = c.Create(t.Context(), gadget(t, "two", "{unknown: 1}"), metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	refused(t, "a strict creation", err, http.StatusBadRequest, `unknown field "spec.unknown"`)

	if _, err := c.Create(t.Context(), gadget(t, "two", "{}"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Error(err)
	}
	_, err = c.Get(t.Context(), "two", metav1.GetOptions{})
	refused(t, "after a dry run", err, http.StatusNotFound, `gadgets.toys.example.com "two" not found`)
}

func TestCustomObjectsSubresources(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	r.define(gadgetsDefinition)
	c := r.dynamic.Resource(gadgets).Namespace("default")
	if _, err := c.Create(t.Context(), gadget(t, "one", "{}"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	patch := []byte(`{"spec":{"color":"blue"},"status":{"phase":"Ready","replicas":1}}`)
	got, err := c.Patch(t.Context(), "one", types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		t.Fatal(err)
	}
	color, _, _ := unstructured.NestedString(got.Object, "spec", "color")
	phase, _, _ := unstructured.NestedString(got.Object, "status", "phase")
	if color != "red" || phase != "Ready" || got.GetGeneration() != 1 {
		t.Errorf("a write to the status left %v", got.Object)
	}
	scaled, err := c.Patch(t.Context(), "one", types.MergePatchType, []byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{}, "scale")
	if err != nil {
		t.Fatal(err)
	}
	if replicas, _, _ := unstructured.NestedInt64(scaled.Object, "spec", "replicas"); replicas != 5 || scaled.GetKind() != "Scale" {
		t.Errorf("scaled to %v", scaled.Object)
	}
	got, err = c.Get(t.Context(), "one", metav1.GetOptions{})
	if replicas, _, _ := unstructured.NestedInt64(got.Object, "spec", "replicas"); err != nil || replicas != 5 {
		t.Errorf("after scaling: %v %v", got, err)
	}
}

// Two managers own two elements of one list: its key decides, which only the schema tells.
func TestCustomObjectsServerSideApply(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	r.define(gadgetsDefinition)
	c := r.dynamic.Resource(gadgets).Namespace("default")
	for manager, part := range map[string]string{"a": "{name: wheel, size: 1}", "b": "{name: bell, size: 2}"} {
		if _, err := c.Apply(t.Context(), "one", gadget(t, "one", "{parts: ["+part+"]}"), metav1.ApplyOptions{FieldManager: manager}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := c.Get(t.Context(), "one", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if parts, _, _ := unstructured.NestedSlice(got.Object, "spec", "parts"); len(parts) != 2 {
		t.Errorf("applied by two managers: %v", parts)
	}
	_, err = c.Apply(t.Context(), "one", gadget(t, "one", "{parts: [{name: bell, size: 3}]}"), metav1.ApplyOptions{FieldManager: "a"})
	refused(t, "a conflict", err, http.StatusConflict, `conflict with "b"`)
}

func TestCustomObjectsLists(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	r.define(gadgetsDefinition)
	c := r.dynamic.Resource(gadgets).Namespace("default")
	for name, color := range map[string]string{"one": "red", "two": "blue"} {
		if _, err := c.Create(t.Context(), gadget(t, name, "{color: "+color+"}"), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := c.List(t.Context(), metav1.ListOptions{FieldSelector: "spec.color=blue"})
	if err != nil || len(list.Items) != 1 || list.Items[0].GetName() != "two" {
		t.Errorf("by a selectable field: %v %v", list, err)
	}
	_, err = c.List(t.Context(), metav1.ListOptions{FieldSelector: "spec.max=1"})
	refused(t, "by another field", err, http.StatusBadRequest, "field label not supported")

	var table metav1.Table
	body := r.get("/apis/toys.example.com/v1/namespaces/default/gadgets", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").body
	if err := json.Unmarshal([]byte(body), &table); err != nil {
		t.Fatal(err)
	}
	if len(table.ColumnDefinitions) != 2 || table.ColumnDefinitions[1].Name != "Color" || len(table.Rows) != 2 || table.Rows[1].Cells[1] != "blue" {
		t.Errorf("the table is %s", body)
	}

	send := true
	w, err := c.Watch(t.Context(), metav1.ListOptions{
		SendInitialEvents: &send, AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	var seen []string
	for e := range w.ResultChan() {
		o, _ := e.Object.(*unstructured.Unstructured)
		seen = append(seen, string(e.Type)+" "+o.GetName()+o.GetAnnotations()[metav1.InitialEventsAnnotationKey])
		if e.Type == watch.Bookmark {
			break
		}
	}
	if d := cmp.Diff([]string{"ADDED one", "ADDED two", "BOOKMARK true"}, seen); d != "" {
		t.Errorf("the streamed list (-want +got):\n%s", d)
	}
	if err := c.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "!none"}); err != nil {
		t.Fatal(err)
	}
	if list, err = c.List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
		t.Errorf("after deletecollection: %v %v", list, err)
	}
}

func TestCustomObjectsAndNamespaces(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	r.define(gadgetsDefinition)
	_, err := r.dynamic.Resource(gadgets).Namespace("missing").Create(t.Context(), gadget(t, "one", "{}"), metav1.CreateOptions{})
	refused(t, "in a missing namespace", err, http.StatusNotFound, `namespaces "missing" not found`)

	namespaces := kubernetes.NewForConfigOrDie(r.admin).CoreV1().Namespaces()
	kept := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "leaving", Finalizers: []string{"example.com/keep"}}}
	if _, err := namespaces.Create(t.Context(), kept, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := namespaces.Delete(t.Context(), "leaving", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err = r.dynamic.Resource(gadgets).Namespace("leaving").Create(t.Context(), gadget(t, "one", "{}"), metav1.CreateOptions{})
	refused(t, "in a terminating namespace", err, http.StatusForbidden, "because it is being terminated")
	if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		t.Errorf("the refusal does not say its cause: %v", err)
	}
}

// The dynamic client cannot make what is no JSON.
func TestCustomObjectsInYAML(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	r.define(gadgetsDefinition)
	if _, err := r.dynamic.Resource(gadgets).Namespace("default").Create(t.Context(), gadget(t, "one", "{}"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var got unstructured.Unstructured
	body := r.get("/apis/toys.example.com/v1/namespaces/default/gadgets/one", "Accept", "application/yaml").body
	if err := yaml.Unmarshal([]byte(body), &got.Object); err != nil || got.GetName() != "one" {
		t.Errorf("%v: %s", err, body)
	}
}
