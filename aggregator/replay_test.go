package aggregator_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/internal/demo"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/recording"
)

// withDemo starts the demo's apiservers behind the rig and waits until all of
// them has been seen.
func withDemo(t *testing.T, r *rig) {
	t.Helper()
	ca, err := os.ReadFile(r.aggregator.State().FrontProxyCA.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	servers, err := demo.Start(t.Context(), demo.Options{
		Kubeconfig: r.aggregator.State().APIServerKubeconfig, RequestHeaderCA: ca,
		Certificate: func(namespace, service string) (string, string, error) {
			return r.aggregator.State().IssueServing(namespace, service)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.write("demo.yaml", string(servers.Manifests()))
	for _, s := range servers.Servers() {
		for _, name := range s.APIServices {
			r.waitCondition(name, string(apiregistrationv1.ConditionTrue))
		}
	}
	r.eventually("all is observed", func() bool { return r.get("/readyz").status == http.StatusOK })
}

const missingAPIService = `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.absent.example.com}
spec: {group: absent.example.com, version: v1, groupPriorityMinimum: 1000, versionPriority: 15, service: {namespace: widgets, name: nobody}}
`

const toyDefinition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: toys, singular: toy, kind: Toy, shortNames: [po]}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`

// What is replayed from a recording is what the running kagg serves, through the
// tar archive and through a folder.
func TestReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *aggregator.Config) {
		c.AuthorizationModes = []aggregator.AuthorizationMode{aggregator.AuthorizationRBAC}
	})
	withDemo(t, r)
	r.write("missing.yaml", missingAPIService)
	r.write("toys.yaml", toyDefinition)
	r.waitCondition("v1.absent.example.com", string(apiregistrationv1.ConditionFalse))
	r.waitCondition("v1.example.com", string(apiregistrationv1.ConditionTrue))
	r.eventually("the toys are in OpenAPI", func() bool { return bytes.Contains([]byte(r.get("/openapi/v3").body), []byte("apis/example.com/v1")) })
	// What is decided is written into the objects a moment later.
	r.eventually("every status is written", func() bool {
		recorded, err := r.aggregator.Record(t.Context(), aggregator.RecordOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return !slices.ContainsFunc(slices.Concat(recorded.Objects, recorded.Local.APIServices), func(o manifest.Object) bool {
			conditions, _, _ := unstructured.NestedSlice(o.Object.Object, "status", "conditions")
			return o.Object.GetKind() == "APIService" && len(conditions) == 0
		})
	})

	files, err := aggregator.FetchRecording(t.Context(), r.admin, aggregator.RecordOptions{V3: true})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "recorded")
	if err := files.Write(folder); err != nil {
		t.Fatal(err)
	}
	loaded, err := recording.Load(aggregator.ManifestOptions([]string{folder}, false, nil))
	if err != nil {
		t.Fatal(err)
	}
	again, err := loaded.Files()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files.Paths(), again.Paths()); diff != "" {
		t.Fatalf("the folder has other files than the archive:\n%s", diff)
	}
	for _, name := range files.Paths() {
		if !bytes.Equal(files[name], again[name]) {
			t.Errorf("%s changes when it is read and written", name)
		}
	}
	replay, err := aggregator.NewReplay(loaded)
	if err != nil {
		t.Fatal(err)
	}
	compareWithServed(t, r, replay)
}

func compareWithServed(t *testing.T, r *rig, replay *aggregator.Replay) {
	t.Helper()
	s := replay.Snapshot
	list, err := json.Marshal(s.Discovery().Aggregated)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, "/apis, aggregated", []byte(r.get("/apis", "Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList").body), list)
	groups, err := json.Marshal(s.Discovery().Groups)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, "/apis", []byte(r.get("/apis").body), groups)

	v2, err := s.OpenAPIV2()
	if err != nil {
		t.Fatal(err)
	}
	document, err := v2.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(document, []byte(r.get("/openapi/v2").body)) {
		sameJSON(t, "/openapi/v2", []byte(r.get("/openapi/v2").body), document)
		t.Error("/openapi/v2 is served in other bytes than replayed")
	}
	index, err := openapimerge.EncodeV3Index(s.OpenAPIV3().Index)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, "/openapi/v3", []byte(r.get("/openapi/v3").body), index)
	if diff := cmp.Diff(r.aggregator.Snapshot().Conditions, s.Conditions); diff != "" {
		t.Errorf("conditions, served and replayed:\n%s", diff)
	}
	for _, v := range s.APIServices() {
		if len(v.Object.Status.Conditions) == 0 || v.Object.Status.Conditions[0].LastTransitionTime.IsZero() {
			t.Errorf("%s: since when it is %s is not recorded", v.Object.Name, v.Condition.Status)
		}
	}
}

func sameJSON(t *testing.T, what string, served, replayed []byte) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(served, &a); err != nil {
		t.Fatalf("%s: %v in %.100s", what, err, served)
	}
	if err := json.Unmarshal(replayed, &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("%s, served and replayed:\n%s", what, diff)
	}
}

// A backend that is silent costs a recording a second, and not what is known of it.
func TestRecordOfASilentBackend(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var silent atomic.Bool
	discovery := widgets("widgets.example.com", "v1")
	b := r.backend("widgets", "api", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case silent.Load() && req.URL.Path == "/openapi/v2":
			<-req.Context().Done()
		case req.URL.Path == "/openapi/v2":
			_, _ = w.Write([]byte(`{"swagger":"2.0","info":{"title":"widgets","version":"v1"},"paths":{"/apis/widgets.example.com/v1/widgets":{}}}`))
		default:
			discovery.ServeHTTP(w, req)
		}
	}))
	r.write("widgets.yaml", b.objects("widgets", "api", "widgets.example.com", "v1"))
	r.waitCondition("v1.widgets.example.com", string(apiregistrationv1.ConditionTrue))
	r.eventually("its OpenAPI is merged", func() bool { return strings.Contains(r.get("/openapi/v2").body, "widgets.example.com") })
	silent.Store(true)
	start := time.Now()
	recorded, err := r.aggregator.Record(t.Context(), aggregator.RecordOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("the recording took %v", took)
	}
	if len(recorded.Backends) != 1 || !bytes.Contains(recorded.Backends[0].OpenAPIV2, []byte("/apis/widgets.example.com/v1/widgets")) {
		t.Errorf("the document that was known is not recorded: %+v", recorded.Backends)
	}
}

// A recording tells what is wrong with a watched file, until it is mended.
func TestRecordOfABadFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	wrong := func() []recording.FileError {
		recorded, err := r.aggregator.Record(t.Context(), aggregator.RecordOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return recorded.Server.FileErrors
	}
	if errs := wrong(); len(errs) > 0 {
		t.Errorf("at first: %v", errs)
	}
	r.write("missing.yaml", strings.Replace(missingAPIService, "versionPriority", "versionPrioritty", 1))
	r.eventually("the error is recorded", func() bool {
		errs := wrong()
		return len(errs) == 1 && filepath.IsAbs(errs[0].File) && errs[0].Line == 4 && strings.Contains(errs[0].Mend, "versionPriority")
	})
	r.write("missing.yaml", missingAPIService)
	r.eventually("it is mended", func() bool { return len(wrong()) == 0 })
}
