package delegate_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/delegate"
)

// TestEveryKind does with each kind, in each version, what clients do.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil)
	client, err := dynamic.NewForConfig(s.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	request := certificateRequest(t)
	for _, k := range s.Kinds() {
		if !slices.Contains(k.Verbs, "patch") {
			continue // reviews, bindings and componentstatuses keep nothing
		}
		t.Run(k.GroupVersion().String()+"/"+k.Resource, func(t *testing.T) {
			t.Parallel()
			text, ok := samples[k.GroupVersionResource().GroupResource().String()]
			if !ok {
				t.Fatalf("%s has no sample: add one to samples_test.go", k.Resource)
			}
			sample := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(strings.Replace(text, "REQUEST", request, 1)), &sample.Object); err != nil {
				t.Fatal(err)
			}
			sample.SetGroupVersionKind(k.GroupVersionKind)
			c := &kindCase{T: t, kind: k, sample: sample, config: s.ClientConfig(), name: nameFor(k), all: client.Resource(k.GroupVersionResource())}
			c.in = c.all
			if k.Namespaced {
				c.in = client.Resource(k.GroupVersionResource()).Namespace("default")
			}
			c.run()
		})
	}
}

// nameFor is a name that the kind accepts, and its other versions do not use.
func nameFor(k delegate.Kind) string {
	switch k.Resource {
	case "ipaddresses":
		return "10.1.2.3"
	case "apiservices":
		return "v1.g.example.com"
	case "customresourcedefinitions":
		return "things.every.example.com"
	default:
		return "every-" + strings.ToLower(k.Version)
	}
}

func certificateRequest(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "u"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// kindCase is one kind in one version.
type kindCase struct {
	*testing.T
	kind    delegate.Kind
	sample  *unstructured.Unstructured
	config  *rest.Config
	name    string
	all     dynamic.NamespaceableResourceInterface
	in      dynamic.ResourceInterface
	version string
}

const everyLabel = "every-kind"

func (c *kindCase) run() {
	c.refuseUnknownFields()
	w, err := c.in.Watch(c.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + c.name})
	c.must(err)
	defer w.Stop()
	c.create()
	c.expect(w, watch.Added)
	c.read()
	c.update()
	c.expect(w, watch.Modified)
	c.patch()
	c.remove()
	for e := range w.ResultChan() {
		if e.Type == watch.Deleted {
			break
		}
	}
	c.deleteCollection()
}

func (c *kindCase) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatalf("%s: %v", c.kind.Resource, err)
	}
}

func (c *kindCase) object(name string) *unstructured.Unstructured {
	o := c.sample.DeepCopy()
	o.SetName(name)
	o.SetLabels(map[string]string{everyLabel: c.kind.Version})
	return o
}

func (c *kindCase) expect(w watch.Interface, want watch.EventType) {
	c.Helper()
	select {
	case e := <-w.ResultChan():
		if e.Type != want {
			c.Errorf("the watch told %s, want %s: %v", e.Type, want, e.Object)
		}
	case <-c.Context().Done():
		c.Fatal("the watch told nothing")
	}
}

func (c *kindCase) refuseUnknownFields() {
	o := c.object(c.name)
	o.Object["unknownField"] = "x"
	_, err := c.in.Create(c.Context(), o, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), `unknown field "unknownField"`) {
		c.Errorf("an unknown field got %v", err)
	}
}

func (c *kindCase) create() {
	_, err := c.in.Create(c.Context(), c.object(c.name), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	c.must(err)
	if _, err := c.in.Get(c.Context(), c.name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		c.Errorf("a dry run created: %v", err)
	}
	made, err := c.in.Create(c.Context(), c.object(c.name), metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	c.must(err)
	if made.GetUID() == "" || made.GetResourceVersion() == "" || made.GetCreationTimestamp() == (metav1.Time{}) || made.GroupVersionKind() != c.kind.GroupVersionKind {
		c.Errorf("created %v", made)
	}
	c.version = made.GetResourceVersion()
}

func (c *kindCase) path(suffix string) string {
	path := "/api/" + c.kind.Version
	if c.kind.Group != "" {
		path = "/apis/" + c.kind.GroupVersion().String()
	}
	if c.kind.Namespaced {
		path += "/namespaces/default"
	}
	return path + "/" + c.kind.Resource + suffix
}

// get asks in one media type and returns the body, once the answer is of that type.
func (c *kindCase) get(suffix, accept string) []byte {
	c.Helper()
	rt, err := rest.TransportFor(c.config)
	c.must(err)
	req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, c.config.Host+c.path(suffix), http.NoBody)
	c.must(err)
	req.Header.Set("Accept", accept)
	resp, err := rt.RoundTrip(req)
	c.must(err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	c.must(err)
	if want, _, _ := strings.Cut(accept, ";"); resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), want) {
		c.Fatalf("%s as %s: %d %s: %.200s", suffix, accept, resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	return body
}

func (c *kindCase) read() {
	list, err := c.in.List(c.Context(), metav1.ListOptions{LabelSelector: everyLabel + "=" + c.kind.Version, FieldSelector: "metadata.name=" + c.name})
	c.must(err)
	if len(list.Items) != 1 || list.Items[0].GetName() != c.name {
		c.Errorf("listed %d objects", len(list.Items))
	}
	if _, err := c.in.List(c.Context(), metav1.ListOptions{FieldSelector: "no.such.field=x"}); !apierrors.IsBadRequest(err) {
		c.Errorf("an unknown field selector got %v", err)
	}
	var table metav1.Table
	c.must(json.Unmarshal(c.get("?labelSelector="+everyLabel, "application/json;as=Table;v=v1;g=meta.k8s.io"), &table))
	if len(table.ColumnDefinitions) < 2 || len(table.Rows) == 0 || len(table.Rows[0].Cells) != len(table.ColumnDefinitions) {
		c.Errorf("as a table: %v", table)
	}
	var partial metav1.PartialObjectMetadataList
	c.must(json.Unmarshal(c.get("", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"), &partial))
	if partial.Kind != "PartialObjectMetadataList" || !slices.ContainsFunc(partial.Items, func(p metav1.PartialObjectMetadata) bool { return p.Name == c.name }) {
		c.Errorf("as metadata: %v", partial)
	}
	if body := c.get("/"+c.name, "application/vnd.kubernetes.protobuf"); !strings.HasPrefix(string(body), "k8s\x00") {
		c.Errorf("as protobuf: %.20q", body)
	}
	if body := c.get("/"+c.name, "application/cbor"); !strings.HasPrefix(string(body), "\xd9\xd9\xf7") {
		c.Errorf("as CBOR: %.20q", body)
	}
}

func (c *kindCase) update() {
	o, err := c.in.Get(c.Context(), c.name, metav1.GetOptions{})
	c.must(err)
	o.SetAnnotations(map[string]string{"updated": "yes"})
	updated, err := c.in.Update(c.Context(), o, metav1.UpdateOptions{})
	c.must(err)
	if updated.GetAnnotations()["updated"] != "yes" || updated.GetResourceVersion() == c.version {
		c.Errorf("updated to %v", updated)
	}
	o.SetAnnotations(map[string]string{"updated": "again"})
	if _, err := c.in.Update(c.Context(), o, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		c.Errorf("an update of an old state got %v", err)
	}
}

func (c *kindCase) patch() {
	body := func(by string) []byte { return fmt.Appendf(nil, `{"metadata":{"annotations":{"by":%q}}}`, by) }
	for by, p := range map[string]struct {
		kind types.PatchType
		data []byte
		opts metav1.PatchOptions
	}{
		"json":      {types.JSONPatchType, []byte(`[{"op":"add","path":"/metadata/annotations/by","value":"json"}]`), metav1.PatchOptions{}},
		"merge":     {types.MergePatchType, body("merge"), metav1.PatchOptions{}},
		"strategic": {types.StrategicMergePatchType, body("strategic"), metav1.PatchOptions{}},
		"apply": {types.ApplyYAMLPatchType, fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"annotations":{"by":"apply"}}}`,
			c.kind.GroupVersion(), c.kind.Kind, c.name), metav1.PatchOptions{FieldManager: "test", Force: new(true)}},
	} {
		got, err := c.in.Patch(c.Context(), c.name, p.kind, p.data, p.opts)
		if err != nil {
			c.Errorf("patch %s: %v", by, err)
		} else if got.GetAnnotations()["by"] != by {
			c.Errorf("patch %s gave %v", by, got.GetAnnotations())
		}
	}
}

func (c *kindCase) remove() {
	background := metav1.DeletePropagationBackground
	wrong := metav1.DeleteOptions{PropagationPolicy: &background, Preconditions: metav1.NewUIDPreconditions("wrong")}
	if err := c.in.Delete(c.Context(), c.name, wrong); !apierrors.IsConflict(err) {
		c.Errorf("a deletion with another UID got %v", err)
	}
	c.must(c.in.Delete(c.Context(), c.name, metav1.DeleteOptions{PropagationPolicy: &background}))
	if c.kind.Resource != "customresourcedefinitions" {
		return
	}
	// The controller that cleans up after a definition is not part of the local APIs.
	_, err := c.in.Patch(c.Context(), c.name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	c.must(err)
}

func (c *kindCase) deleteCollection() {
	if !slices.Contains(c.kind.Verbs, "deletecollection") || c.name != "every-"+strings.ToLower(c.kind.Version) {
		return // namespaces cannot, and where the name is fixed, one object is all there can be
	}
	o := c.object("")
	o.SetGenerateName("every-")
	made, err := c.in.Create(c.Context(), o, metav1.CreateOptions{})
	c.must(err)
	if !strings.HasPrefix(made.GetName(), "every-") || len(made.GetName()) != len("every-")+5 {
		c.Errorf("the generated name is %s", made.GetName())
	}
	background := metav1.DeletePropagationBackground
	c.must(c.in.DeleteCollection(c.Context(), metav1.DeleteOptions{PropagationPolicy: &background}, metav1.ListOptions{LabelSelector: everyLabel + "=" + c.kind.Version}))
	if _, err := c.in.Get(context.WithoutCancel(c.Context()), made.GetName(), metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		c.Errorf("after deletecollection: %v", err)
	}
}
