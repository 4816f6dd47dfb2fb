package aggregator_test

import (
	"encoding/base64"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	apiregistration "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/kagg-project/kagg/aggregator"
)

// An APIService that is deleted and made again is probed anew, also when its
// backend failed for another one meanwhile.
func TestAPIServiceComesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var broken atomic.Bool
	answers := widgets(group, "v1", "v2")
	b := r.backend("widgets", "api", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		answers.ServeHTTP(w, req)
	}))
	r.write("v1.yaml", b.objects("widgets", "api", group, "v1"))
	second := apiService("widgets", "api", group, "v2", 15)
	r.write("v2.yaml", second)
	r.waitCondition("v2."+group, "True")

	r.write("v2.yaml", "# nothing\n")
	r.waitFor("removal", func(s *aggregator.Snapshot) bool { _, ok := s.Conditions["v2."+group]; return !ok })
	broken.Store(true)
	r.waitCondition("v1."+group, "False")
	broken.Store(false)
	r.waitCondition("v1."+group, "True")
	r.write("v2.yaml", second)
	r.waitCondition("v2."+group, "True")
}

// What a backend is slow at must not stop what it is quick at.
func TestHangingOpenAPILeavesDiscoveryAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	var more atomic.Bool
	before := widgets(group, "v1")
	mux := http.NewServeMux()
	mux.HandleFunc("/openapi/", func(http.ResponseWriter, *http.Request) { <-hang })
	mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		if more.Load() && req.URL.Path == "/apis/"+group+"/v1" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"` + group + `/v1","resources":[{"name":"gadgets","singularName":"gadget","namespaced":true,"kind":"Gadget","verbs":["get"]}]}`))
			return
		}
		before.ServeHTTP(w, req)
	})
	b := r.backend("widgets", "api", mux)
	r.write("widgets.yaml", b.objects("widgets", "api", group, "v1"))
	r.waitCondition("v1."+group, "True")
	listed := func(resource string) func() bool {
		return func() bool {
			return strings.Contains(r.get("/apis", "Accept", discovery.AcceptV2).body, `"`+resource+`"`)
		}
	}
	r.eventually("widgets", listed("widgets"))
	more.Store(true)
	r.eventually("gadgets", listed("gadgets"))
}

// A backend with one dead address of two is available, whole, and quiet.
func TestOneDeadEndpoint(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	b := r.backend("widgets", "api", widgets(group, "v1"))
	objects := b.objects("widgets", "api", group, "v1")
	r.write("widgets.yaml", strings.Replace(objects, "{addresses: [127.0.0.1]}", "{addresses: [127.0.0.1]}, {addresses: [127.0.0.2]}", 1))
	r.waitCondition("v1."+group, "True")
	r.eventually("discovery", func() bool { return strings.Contains(r.get("/apis", "Accept", discovery.AcceptV2).body, `"widgets"`) })
	for range 10 {
		if got := r.get(widgetPath); got.status != http.StatusOK {
			t.Fatalf("a request went to the dead address: %v", got)
		}
		if strings.Contains(r.get("/apis", "Accept", discovery.AcceptV2).body, "Stale") {
			t.Fatal("discovery became stale")
		}
	}
}

// Changing how a backend is trusted must not refuse requests meanwhile.
func TestCABundleEditRefusesNothing(t *testing.T) {
	t.Parallel()
	r, b := served(t, nil)
	ca, err := os.ReadFile(r.aggregator.State().ClusterCA.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	edits := []string{
		strings.Replace(b.objects("widgets", "api", group, "v1"), "versionPriority: 15", "versionPriority: 15, caBundle: "+base64.StdEncoding.EncodeToString(ca), 1),
		b.objects("widgets", "api", group, "v1"),
	}
	for _, edit := range edits {
		generation := r.aggregator.Snapshot().Generation
		r.write("widgets.yaml", edit)
		for range 50 {
			if got := r.get(widgetPath); got.status != http.StatusOK {
				t.Fatalf("refused while the caBundle changes: %v", got)
			}
		}
		r.waitFor("the edit", func(s *aggregator.Snapshot) bool { return s.Generation > generation })
	}
	if n := r.countEvents("v1."+group, "available"); n != 1 {
		t.Errorf("told %d times that it is available", n)
	}
}

// A backend that fails in other words each time is told of once.
func TestFailuresAreToldOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var asked atomic.Int32
	b := r.backend("widgets", "api", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		panic(http.ErrAbortHandler) // resets the stream, with its number in the client's error
	}))
	r.write("widgets.yaml", b.objects("widgets", "api", group, "v1"))
	r.waitCondition("v1."+group, "False")
	r.eventually("everything asked", func() bool { return r.get("/readyz").status == http.StatusOK })
	generation, before := r.aggregator.Snapshot().Generation, asked.Load()
	r.eventually("more rounds", func() bool { return asked.Load() > before+12 })
	if now := r.aggregator.Snapshot().Generation; now > generation+2 {
		t.Errorf("%d snapshots for one failure", now-generation)
	}
	if n := r.countEvents("v1."+group, "not available"); n > 2 {
		t.Errorf("told %d times of one failure", n)
	}
}

// What is wrong with an annotation is said as such: for a file with its line, and
// for an object from elsewhere in the condition.
func TestWrongAnnotationIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("one.yaml", strings.Replace(apiService("widgets", "none", group, "v1", 15), "metadata: {", `metadata: {annotations: {kagg.dev/endpoint: "http://foo"}, `, 1))
	r.waitEvent("files", "one.yaml:5: metadata.annotations[kagg.dev/endpoint]")

	r.write("one.yaml", apiService("widgets", "none", group, "v1", 15))
	r.waitCondition("v1."+group, "False")
	client := apiregistration.NewForConfigOrDie(r.admin).ApiregistrationV1().APIServices()
	patch := []byte(`{"metadata":{"annotations":{"kagg.dev/endpoint":"http://foo"}}}`)
	if _, err := client.Patch(t.Context(), "v1."+group, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	r.waitFor("a condition that names the annotation", func(s *aggregator.Snapshot) bool {
		c := s.Conditions["v1."+group]
		return c.Reason == "FailedDiscoveryCheck" && strings.Contains(c.Message, "kagg.dev/endpoint") && strings.Contains(c.Message, "http://foo")
	})
}

// An object that the API refuses is told of once, not at each change of another.
func TestRefusedObjectIsToldOfOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.write("refused.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: Upper_Case}\n")
	r.waitEvent("files", "Upper_Case")
	r.write("other.yaml", apiService("widgets", "none", group, "v1", 15))
	r.waitCondition("v1."+group, "False")
	if n := r.countEvents("files", "Upper_Case"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// The same address found by another rule is news: a Service without endpoints is
// no fault of an APIService whose address is given by hand.
func TestSameAddressByAnotherRule(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	b := r.backend("widgets", "api", widgets(group, "v1"))
	objects := b.objects("widgets", "api", group, "v1")
	r.write("widgets.yaml", objects)
	r.waitCondition("v1."+group, "True")
	annotated := strings.Replace(objects, "metadata: {name: api,", `metadata: {annotations: {kagg.dev/endpoint: "https://`+b.address+`"}, name: api,`, 1)
	r.write("widgets.yaml", annotated)
	// A port that nobody needs any more, since the annotation gives the address.
	r.write("widgets.yaml", strings.Replace(annotated, "spec: {ports: [{port: 443}]}", "spec: {ports: [{port: 444}]}", 1))
	r.write("marker.yaml", apiService("widgets", "none", "marker.example.com", "v1", 15))
	r.waitCondition("v1.marker.example.com", "False")
	for range 20 {
		if got := r.get(widgetPath); got.status != http.StatusOK {
			t.Fatalf("the annotation does not count: %v", got)
		}
	}
}
