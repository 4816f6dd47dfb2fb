package aggregator_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/pki"
)

// convertGadgets is a conversion webhook: what v1 calls color is v2's paint.
func convertGadgets(w http.ResponseWriter, req *http.Request) { convert(w, req, "paint") }

// convert is a conversion webhook: what v1 calls color v2 calls otherwise.
func convert(w http.ResponseWriter, req *http.Request, v2 string) {
	var review apiextensionsv1.ConversionReview
	if err := json.NewDecoder(req.Body).Decode(&review); err != nil || req.URL.Path != "/convert" {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	review.Response = &apiextensionsv1.ConversionResponse{UID: review.Request.UID, Result: metav1.Status{Status: metav1.StatusSuccess}}
	for _, raw := range review.Request.Objects {
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(raw.Raw); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		o.SetAPIVersion(review.Request.DesiredAPIVersion)
		spec, _, _ := unstructured.NestedMap(o.Object, "spec")
		from, to := "color", v2
		if strings.HasSuffix(review.Request.DesiredAPIVersion, "/v1") {
			from, to = to, from
		}
		if v, ok := spec[from]; ok {
			delete(spec, from)
			spec[to] = v
			_ = unstructured.SetNestedMap(o.Object, spec, "spec")
		}
		review.Response.ConvertedObjects = append(review.Response.ConvertedObjects, runtime.RawExtension{Object: o})
	}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		panic(err)
	}
}

// convertedDefinition has two versions and a webhook in Service widgets/converter.
func convertedDefinition(caBundle []byte) string {
	version := `{served: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}, `
	return `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.toys.example.com}
spec:
  group: toys.example.com
  scope: Namespaced
  names: {plural: gadgets, singular: gadget, kind: Gadget}
  versions: [` + version + `name: v1, storage: true},` + version + `name: v2, storage: false}]
  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions: [v1]
      clientConfig:
        caBundle: ` + base64.StdEncoding.EncodeToString(caBundle) + `
        service: {namespace: widgets, name: converter, path: /convert}
`
}

// newConverted starts a webhook as Service widgets/converter, and defines gadgets that it
// converts, and that trust the CA in the file that trusted names; there is one, in v1.
func newConverted(t *testing.T, webhook http.HandlerFunc, trusted func(*pki.State) string) *toys {
	t.Helper()
	r := newToys(t, nil)
	b := r.backendFor(tls.NoClientCert, "widgets", "converter", webhook) // a webhook is called without a certificate
	r.write("converter.yaml", b.objects("widgets", "converter", ""))
	state, err := pki.Ensure(r.stateDir, pki.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(trusted(state))
	if err != nil {
		t.Fatal(err)
	}
	r.define(convertedDefinition(ca))
	if _, err := r.dynamic.Resource(gadgets).Namespace("default").Create(t.Context(), gadget(t, "one", "{color: blue}"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestConversionWebhook(t *testing.T) {
	t.Parallel()
	r := newConverted(t, convertGadgets, func(s *pki.State) string { return s.ClusterCA.CertFile })
	c := r.dynamic.Resource(gadgets).Namespace("default")
	v2 := r.dynamic.Resource(gadgets.GroupResource().WithVersion("v2")).Namespace("default")
	var got *unstructured.Unstructured
	r.eventually("the conversion", func() bool { // the Service may not be known yet
		var err error
		got, err = v2.Get(t.Context(), "one", metav1.GetOptions{})
		return err == nil
	})
	if paint, _, _ := unstructured.NestedString(got.Object, "spec", "paint"); paint != "blue" || got.GetAPIVersion() != "toys.example.com/v2" {
		t.Errorf("converted to %v", got.Object)
	}
	two := gadget(t, "two", "{paint: red}")
	two.SetAPIVersion("toys.example.com/v2")
	if _, err := v2.Create(t.Context(), two, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	list, err := c.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("%v %v", list, err)
	}
	if color, _, _ := unstructured.NestedString(list.Items[1].Object, "spec", "color"); color != "red" {
		t.Errorf("stored as %v", list.Items[1].Object)
	}
}

// What a webhook that was mended answers is seen at once.
func TestConversionWebhookIsAskedAgain(t *testing.T) {
	t.Parallel()
	var name atomic.Value
	name.Store("paint")
	r := newConverted(t, func(w http.ResponseWriter, req *http.Request) {
		text, _ := name.Load().(string)
		convert(w, req, text)
	}, func(s *pki.State) string { return s.ClusterCA.CertFile })
	for _, text := range []string{"paint", "varnish"} {
		name.Store(text)
		r.eventually("the conversion", func() bool { // the Service may not be known yet
			return r.get("/apis/toys.example.com/v2/namespaces/default/gadgets/one").status == http.StatusOK
		})
		if body := r.get("/apis/toys.example.com/v2/namespaces/default/gadgets/one").body; !strings.Contains(body, text) {
			t.Errorf("no %s in %s", text, body)
		}
	}
}

// A webhook whose certificate is of another CA than the caBundle is not believed.
func TestConversionWebhookOfAnotherCA(t *testing.T) {
	t.Parallel()
	r := newConverted(t, convertGadgets, func(s *pki.State) string { return s.FrontProxyCA.CertFile })
	r.eventually("the refusal", func() bool {
		a := r.get("/apis/toys.example.com/v2/namespaces/default/gadgets/one")
		return a.status == http.StatusInternalServerError && strings.Contains(a.body, "certificate signed by unknown authority")
	})
}

// One group, one version by a definition, the other by a custom apiserver.
func TestGroupOfDefinitionAndAPIServer(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	b := r.backend("widgets", "toys", widgets("toys.example.com", "v2"))
	r.write("toys.yaml", b.objects("widgets", "toys", "toys.example.com", "v2"))
	r.waitCondition("v2.toys.example.com", "True")
	r.define(gadgetsDefinition)
	r.discovered("toys.example.com/v1", "gadgets", true)
	r.discovered("toys.example.com/v2", "widgets", true)
	group := r.get("/apis/toys.example.com").body
	if v1, v2 := strings.Index(group, `"version":"v1"`), strings.Index(group, `"version":"v2"`); v1 < 0 || v2 < v1 {
		t.Errorf("the definition's version, of priority 100, is not before the apiserver's, of 15: %s", group)
	}
	if body := r.get("/apis/toys.example.com/v2/gadgets").body; !strings.Contains(body, `"uri"`) {
		t.Errorf("v2 is not the apiserver's: %s", body)
	}
	if _, err := r.dynamic.Resource(gadgets).Namespace("default").Create(t.Context(), gadget(t, "one", "{}"), metav1.CreateOptions{}); err != nil {
		t.Errorf("v1 is not the definition's: %v", err)
	}
}

// storing is a custom apiserver that serves widgets, and hands each created one to made.
func storing(made chan<- string) http.Handler {
	mux := http.NewServeMux()
	discovery := widgets("late.example.com", "v1")
	mux.Handle("/", discovery)
	mux.HandleFunc("/apis/late.example.com/v1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"late.example.com/v1","resources":[{"name":"widgets","singularName":"widget","namespaced":true,"kind":"Widget","verbs":["create","delete","get"]}]}`)
	})
	mux.HandleFunc("POST /apis/late.example.com/v1/namespaces/default/widgets", func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
		made <- string(body)
	})
	return mux
}

func TestFilesOfCustomAPIServers(t *testing.T) {
	t.Parallel()
	made := make(chan string, 10)
	r := newToys(t, nil)
	r.write("widget.yaml", "# first\napiVersion: late.example.com/v1\nkind: Widget\nmetadata: {name: one}\n")
	r.waitEvent("files", "widget.yaml:2: Widget/one: the kind Widget of late.example.com/v1 is not served")
	b := r.backend("widgets", "late", storing(made))
	r.write("late.yaml", b.objects("widgets", "late", "late.example.com", "v1"))
	if body := <-made; !strings.Contains(body, `"namespace":"default"`) {
		t.Errorf("made %s", body)
	}
	if n := r.countEvents("files", "Widget/one"); n != 1 {
		t.Errorf("%d events about the widget", n)
	}
}

func TestFilesOfDefinitions(t *testing.T) {
	t.Parallel()
	objects := t.TempDir()
	for name, content := range map[string]string{
		"1-object.yaml": "apiVersion: toys.example.com/v1\nkind: Gadget\nmetadata: {name: early, namespace: playroom}\nspec: {color: blue}\n",
		"2-crd.yaml":    gadgetsDefinition,
	} {
		if err := os.WriteFile(objects+"/"+name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := newToys(t, func(c *aggregator.Config) { c.Filenames = append(c.Filenames, objects) })
	c := r.dynamic.Resource(gadgets).Namespace("playroom")
	if _, err := c.Get(t.Context(), "early", metav1.GetOptions{}); err != nil {
		t.Fatalf("after the start: %v", err)
	}
	if n := r.countEvents("files", "early"); n != 0 {
		t.Errorf("%d events about an object whose definition is in the files", n)
	}

	color := func(name, want string) {
		t.Helper()
		r.eventually(name+" "+want, func() bool {
			o, err := c.Get(t.Context(), name, metav1.GetOptions{})
			got := "gone"
			if err == nil {
				got, _, _ = unstructured.NestedString(o.Object, "spec", "color")
			}
			return got == want
		})
	}
	const late = "apiVersion: toys.example.com/v1\nkind: Gadget\nmetadata: {name: late, namespace: playroom}\nspec: {color: %}\n"
	r.write("late.yaml", strings.ReplaceAll(late, "%", "green"))
	color("late", "green")
	r.write("late.yaml", strings.ReplaceAll(late, "%", "7"))
	r.waitEvent("files", `late.yaml:1: Gadget/late in namespace playroom: Gadget.toys.example.com "late" is invalid: [spec.color: Invalid value`)
	r.write("late.yaml", strings.ReplaceAll(late, "%", "green, colour: red"))
	r.waitEvent("files", `late.yaml:1: Gadget/late in namespace playroom: Gadget in version "v1" cannot be handled as a Gadget: strict decoding error: unknown field "spec.colour"`)
	color("late", "green")
	r.write("late.yaml", strings.ReplaceAll(late, "%", "white"))
	color("late", "white")
	if err := os.Remove(r.objects + "/late.yaml"); err != nil {
		t.Fatal(err)
	}
	color("late", "gone")

	// The definition goes and comes back, and its object with it.
	if err := os.Remove(objects + "/2-crd.yaml"); err != nil {
		t.Fatal(err)
	}
	r.discovered("toys.example.com/v1", "gadgets", false)
	r.write("crd.yaml", gadgetsDefinition)
	r.eventually("the object's return", func() bool {
		_, err := c.Get(t.Context(), "early", metav1.GetOptions{})
		return err == nil
	})
}

// A kind that is misspelt, and one of a group that the local APIs have, are no kinds of others.
func TestFilesOfUnknownKinds(t *testing.T) {
	t.Parallel()
	r := newToys(t, nil)
	r.write("crd.yaml", gadgetsDefinition)
	r.write("typo.yaml", "apiVersion: toys.example.com/v1\nkind: Gadgett\nmetadata: {name: one}\n")
	r.waitEvent("files", "typo.yaml:1: Gadgett/one: the kind Gadgett of toys.example.com/v1 is not served: did you mean Gadget?; it is applied once")
	r.write("group.yaml", "apiVersion: apiregistration.k8s.oi/v1\nkind: APIService\nmetadata: {name: one}\n")
	r.waitEvent("files", "the kind APIService is not served in apiregistration.k8s.oi/v1")
}
