package aggregator_test

import (
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/controllers/autoregister"
)

func (r *toys) apiService(name string) *apiregistrationv1.APIService {
	r.t.Helper()
	a, err := r.registered.ApiregistrationV1().APIServices().Get(r.t.Context(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *toys) patchDefinition(patch string) {
	r.t.Helper()
	_, err := r.definitions.ApiextensionsV1().CustomResourceDefinitions().Patch(r.t.Context(), "gadgets.toys.example.com", types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestDefinitionIsFollowed(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	r.get("/openapi/v2") // the first takes as long as building it
	r.define(gadgetsDefinition)
	crds := r.definitions.ApiextensionsV1().CustomResourceDefinitions()
	crd, err := crds.Get(t.Context(), "gadgets.toys.example.com", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	conditions := map[apiextensionsv1.CustomResourceDefinitionConditionType]string{}
	for _, c := range crd.Status.Conditions {
		conditions[c.Type] = string(c.Status) + " " + c.Reason
	}
	if conditions[apiextensionsv1.NamesAccepted] != "True NoConflicts" || conditions[apiextensionsv1.Established] != "True InitialNamesAccepted" {
		t.Errorf("conditions %v", conditions)
	}
	r.eventually("the OpenAPI v3 document", func() bool {
		return strings.Contains(r.get("/openapi/v3").body, "apis/toys.example.com/v1") &&
			strings.Contains(r.get("/openapi/v3/apis/toys.example.com/v1").body, "The color of the gadget.")
	})
	if v2 := r.get("/openapi/v2").body; !strings.Contains(v2, "/apis/toys.example.com/v1/namespaces/{namespace}/gadgets/{name}/scale") || strings.Contains(v2, "ObjectMeta_v2") {
		t.Error("the OpenAPI v2 document lacks the gadgets, or has two definitions of their metadata")
	}

	r.patchDefinition(`[{"op":"copy","from":"/spec/versions/0","path":"/spec/versions/1"},{"op":"replace","path":"/spec/versions/1/name","value":"v2"},{"op":"replace","path":"/spec/versions/1/storage","value":false}]`)
	r.discovered("toys.example.com/v2", "gadgets", true)
	r.eventually("the APIService of the new version", func() bool { return r.apiService("v2.toys.example.com") != nil })
	if group := r.get("/apis/toys.example.com").body; !strings.Contains(group, `"preferredVersion":{"groupVersion":"toys.example.com/v2"`) {
		t.Errorf("the newest version is not preferred: %s", group)
	}
	r.eventually("the OpenAPI of the new version", func() bool { return strings.Contains(r.get("/openapi/v3").body, "apis/toys.example.com/v2") })

	r.patchDefinition(`[{"op":"replace","path":"/spec/versions/1/served","value":false}]`)
	r.discovered("toys.example.com/v2", "gadgets", false)
	r.eventually("the end of the APIService", func() bool { return r.apiService("v2.toys.example.com") == nil })

	if err := crds.Delete(t.Context(), "gadgets.toys.example.com", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.discovered("toys.example.com/v1", "gadgets", false)
	r.eventually("the end of all", func() bool {
		return r.apiService("v1.toys.example.com") == nil && r.get("/apis/toys.example.com").status == 404 &&
			r.get("/openapi/v3/apis/toys.example.com/v1").status == 404 && !strings.Contains(r.get("/openapi/v2").body, "gadgets")
	})
}

// A definition goes when its objects are gone; meanwhile nothing new is made. Its watches end with it.
func TestDefinitionIsFinalized(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	r.define(gadgetsDefinition)
	c := r.dynamic.Resource(gadgets).Namespace("default")
	kept := gadget(t, "kept", "{}")
	kept.SetFinalizers([]string{"example.com/keep"})
	for _, o := range []string{"one", "two"} {
		if _, err := c.Create(t.Context(), gadget(t, o, "{}"), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Create(t.Context(), kept, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w, err := c.Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	crds := r.definitions.ApiextensionsV1().CustomResourceDefinitions()
	if err := crds.Delete(t.Context(), "gadgets.toys.example.com", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("the others to go", func() bool {
		list, err := c.List(t.Context(), metav1.ListOptions{})
		return err == nil && len(list.Items) == 1
	})
	_, err = c.Create(t.Context(), gadget(t, "late", "{}"), metav1.CreateOptions{})
	refused(t, "while the definition goes", err, 403, "create not allowed while custom resource definition is terminating")
	if _, err := c.Patch(t.Context(), "kept", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	for range w.ResultChan() { // until the watch ends
	}
	r.eventually("the definition to go", func() bool {
		_, err := crds.Get(t.Context(), "gadgets.toys.example.com", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

func TestDefinitionsAPIServices(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	services := r.registered.ApiregistrationV1().APIServices()
	byHand := &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: "v2.toys.example.com"},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: "toys.example.com", Version: "v2", GroupPriorityMinimum: 7, VersionPriority: 8,
			Service: &apiregistrationv1.ServiceReference{Namespace: "widgets", Name: "none"},
		},
	}
	if _, err := services.Create(t.Context(), byHand, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.define(gadgetsDefinition)
	r.patchDefinition(`[{"op":"copy","from":"/spec/versions/0","path":"/spec/versions/1"},{"op":"replace","path":"/spec/versions/1/name","value":"v2"},{"op":"replace","path":"/spec/versions/1/storage","value":false}]`)
	want := apiregistrationv1.APIServiceSpec{Group: "toys.example.com", Version: "v1", GroupPriorityMinimum: 1000, VersionPriority: 100}
	asWanted := func() bool {
		a := r.apiService("v1.toys.example.com")
		return a != nil && a.Labels[autoregister.AutoRegisterManagedLabel] == "true" && equality.Semantic.DeepEqual(a.Spec, want)
	}
	r.eventually("the APIService of the definition", asWanted)
	if err := services.Delete(t.Context(), "v1.toys.example.com", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("its return", asWanted)
	if _, err := services.Patch(t.Context(), "v1.toys.example.com", types.MergePatchType, []byte(`{"spec":{"versionPriority":1}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	r.eventually("its priority", asWanted)
	if a := r.apiService("v2.toys.example.com"); a == nil || a.Spec.Service == nil || a.Spec.VersionPriority != 8 {
		t.Errorf("the APIService that was there before the definition became %v", a)
	}
}
