package conformance

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kagg-project/kagg/conformance/internal/harness"
	"github.com/kagg-project/kagg/conformance/releases/informers"
)

// watched is kagg and the informers on it.
type watched struct {
	kagg      *harness.Kagg
	resources []schema.GroupVersionResource
	metadata  metadata.Interface
	dynamic   dynamic.Interface
	discovery discovery.DiscoveryInterface
	mapper    meta.RESTMapper
	running   []*harness.Informers
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{kagg: harness.StartKagg(t, "--persist", harness.OnPort(harness.FreePort(t)))}
	config, err := clientcmd.BuildConfigFromFlags("", w.kagg.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	config.WarningHandler = rest.NoWarnings{} // Old versions are asked for on purpose.
	if w.discovery, err = discovery.NewDiscoveryClientForConfig(config); err != nil {
		t.Fatal(err)
	}
	if w.metadata, err = metadata.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	if w.dynamic, err = dynamic.NewForConfig(config); err != nil {
		t.Fatal(err)
	}
	w.discover(t)
	return w
}

// discover finds out what kagg serves.
func (w *watched) discover(t *testing.T) {
	t.Helper()
	groups, err := restmapper.GetAPIGroupResources(w.discovery)
	if err != nil {
		t.Fatal(err)
	}
	w.mapper = restmapper.NewDiscoveryRESTMapper(groups)
	if w.resources, err = informers.Resources(w.discovery); err != nil {
		t.Fatal(err)
	}
}

// createSamples makes sure that there is an object of every kind, also of a custom
// one.
func (w *watched) createSamples(t *testing.T) {
	t.Helper()
	file, err := os.Open("testdata/informers/objects.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // It was only read.
	for decoder := yaml.NewYAMLToJSONDecoder(file); ; {
		var obj unstructured.Unstructured
		if err := decoder.Decode(&obj.Object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		w.createSample(t, &obj)
	}
	state := w.list(t)
	for _, resource := range w.resources {
		if len(state[informers.Name(resource)]) == 0 {
			t.Errorf("there is no %s: add one to testdata/informers/objects.yaml", informers.Name(resource))
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// createSample waits until the kind is served, which a CustomResourceDefinition
// before it may have defined.
func (w *watched) createSample(t *testing.T, obj *unstructured.Unstructured) {
	t.Helper()
	var resource schema.GroupVersionResource
	harness.Eventually(t, harness.Patience, obj.GetKind()+" is served", func(context.Context) error {
		mapping, err := w.mapper.RESTMapping(obj.GroupVersionKind().GroupKind(), obj.GroupVersionKind().Version)
		if err != nil {
			w.discover(t)
			return err
		}
		resource = mapping.Resource
		return nil
	})
	if _, err := w.dynamic.Resource(resource).Namespace(obj.GetNamespace()).Create(t.Context(), obj, metav1.CreateOptions{}); err != nil {
		t.Fatalf("creating the sample of %s: %v", informers.Name(resource), err)
	}
}

// list is what kagg holds.
func (w *watched) list(t *testing.T) informers.State {
	t.Helper()
	state := informers.State{}
	for _, resource := range w.resources {
		list, err := w.metadata.Resource(resource).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatalf("listing %s: %v", informers.Name(resource), err)
		}
		versions := map[string]string{}
		for i := range list.Items {
			key := list.Items[i].Name
			if namespace := list.Items[i].Namespace; namespace != "" {
				key = namespace + "/" + key
			}
			versions[key] = list.Items[i].ResourceVersion
		}
		state[informers.Name(resource)] = versions
	}
	return state
}

// expect waits until all informers hold what kagg holds, and returns that. kagg may
// still be at work itself, such as on the status of something: then it is asked
// again.
func (w *watched) expect(t *testing.T) informers.State {
	t.Helper()
	start := time.Now()
	for {
		want := w.list(t)
		differences := w.compare(t, want, min(10*time.Second, syncTimeout-time.Since(start)))
		if len(differences) == 0 {
			t.Logf("all informers hold what kagg holds after %s", time.Since(start).Round(time.Millisecond))
			return want
		}
		if time.Since(start) >= syncTimeout {
			t.Fatalf("the informers do not hold what kagg holds, after %s:\n%s", syncTimeout, harness.Head(differences, 40))
		}
	}
}

// compare asks all informers at once and returns the differences of all.
func (w *watched) compare(t *testing.T, want informers.State, timeout time.Duration) []string {
	t.Helper()
	answers := make([][]string, len(w.running))
	errs := make([]error, len(w.running))
	var wait sync.WaitGroup
	for i, running := range w.running {
		wait.Go(func() {
			var answer informers.Answer
			answer, errs[i] = running.Compare(want, timeout)
			for _, difference := range answer.Differences {
				answers[i] = append(answers[i], running.Name+": "+difference)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(answers...)
}
