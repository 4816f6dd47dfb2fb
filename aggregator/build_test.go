package aggregator

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-openapi/pkg/handler3"
	"pgregory.net/rapid"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/delegate/customresources"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
)

func remoteAPIService(group, version, service string) *apiregistrationv1.APIService {
	port := int32(443)
	return &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: version + "." + group},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: group, Version: version, GroupPriorityMinimum: 1000, VersionPriority: 15,
			Service: &apiregistrationv1.ServiceReference{Namespace: "ns", Name: service, Port: &port},
		},
	}
}

func clusterIP(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Ports: []corev1.ServicePort{{Port: 443}}},
	}
}

func sliceOf(service string, port int32) *discoveryv1.EndpointSlice {
	name := ""
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "ns", Name: service + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}}},
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
	}
}

func noLocalAPIs() *localAPIs {
	return newLocalAPIs(&builtinAPIs{openAPI: func() openapimerge.Input {
		return openapimerge.Input{APIService: localDelegate, Local: true, Backend: localBackend}
	}}, &customresources.Catalog{})
}

// inputOf makes the input of a build from a registry whose backends all passed
// their probes.
func inputOf(r *Registry) buildInput {
	in := buildInput{registry: r, local: noLocalAPIs(), backends: map[backendKey]backendView{}}
	for key, spec := range r.backends() {
		seen := &observation{discovered: true, fetched: true, probes: map[schema.GroupVersion]availability.ProbeResult{}, discovery: map[schema.GroupVersion]discoveryEntry{}}
		for _, gv := range spec.groupVersions {
			seen.probes[gv] = availability.ProbeResult{Done: true}
			seen.discovery[gv] = discoveryEntry{
				form:  discoverymerge.FormAggregated,
				entry: &apidiscoveryv2.APIVersionDiscovery{Version: gv.Version, Resources: []apidiscoveryv2.APIResourceDiscovery{{Resource: "things-of-" + key.name}}},
			}
		}
		in.backends[key] = backendView{spec: spec, seen: seen}
	}
	return in
}

func TestBuildRoutes(t *testing.T) {
	t.Parallel()
	legacy := remoteAPIService("", "v1", "one")
	local := remoteAPIService("local.example.com", "v1", "")
	local.Spec.Service = nil
	r := newRegistry(
		[]*apiregistrationv1.APIService{legacy, local, remoteAPIService("b.example.com", "v1", "one"), remoteAPIService("a.example.com", "v2", "none")},
		[]*corev1.Service{clusterIP("one")}, []*discoveryv1.EndpointSlice{sliceOf("one", 6443)}, nil, nil)
	s := build(inputOf(r))

	got := map[string]string{}
	for path, route := range s.routes {
		got[path] = strings.Join([]string{route.target.APIService, route.condition.Reason, strings.Join(route.target.Resolution.Hosts, ",")}, " ")
	}
	want := map[string]string{
		"/api":                       "v1. Passed 127.0.0.1:6443",
		"/apis/a.example.com/v2":     "v2.a.example.com ServiceNotFound ",
		"/apis/b.example.com/v1":     "v1.b.example.com Passed 127.0.0.1:6443",
		"/apis/local.example.com/v1": "v1.local.example.com Local ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	if !s.complete {
		t.Error("everything has been asked for, yet the snapshot is not complete")
	}
}

func TestBackendsAreSharedBySpec(t *testing.T) {
	t.Parallel()
	plain1, plain2 := remoteAPIService("a", "v1", "one"), remoteAPIService("a", "v2", "one")
	insecure, trusted, annotated := remoteAPIService("b", "v1", "one"), remoteAPIService("c", "v1", "one"), remoteAPIService("d", "v1", "one")
	insecure.Spec.InsecureSkipTLSVerify = true
	trusted.Spec.CABundle = []byte("ca")
	annotated.Annotations = map[string]string{proxy.EndpointAnnotation: "https://127.0.0.1:1"}
	specs := newRegistry([]*apiregistrationv1.APIService{plain1, plain2, insecure, trusted, annotated}, nil, nil, nil, nil).backends()
	sizes := make([]int, 0, len(specs))
	for _, s := range specs {
		sizes = append(sizes, len(s.groupVersions))
	}
	slices.Sort(sizes)
	if diff := cmp.Diff([]int{1, 1, 1, 2}, sizes); diff != "" {
		t.Errorf("group-versions by backend (-want +got):\n%s", diff)
	}
}

// Any order of the same objects gives a snapshot that answers alike, and objects
// are left as they were.
func TestBuildIsPure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		apiServices := make([]*apiregistrationv1.APIService, 0, 8)
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a/v1", "a/v2", "b/v1", "b/v1beta1", "c/v1", "d/v1"}), 1, 6, rapid.ID).Draw(t, "names") {
			group, version, _ := strings.Cut(name, "/")
			a := remoteAPIService(group, version, rapid.SampledFrom([]string{"one", "two", "none"}).Draw(t, "service"))
			a.Spec.GroupPriorityMinimum = rapid.Int32Range(1, 3).Draw(t, "group priority")
			a.Spec.VersionPriority = rapid.Int32Range(1, 3).Draw(t, "version priority")
			apiServices = append(apiServices, a)
		}
		make2 := func(list []*apiregistrationv1.APIService) *Snapshot {
			return build(inputOf(newRegistry(slices.Clone(list), []*corev1.Service{clusterIP("one"), clusterIP("two")},
				[]*discoveryv1.EndpointSlice{sliceOf("two", 2), sliceOf("one", 1)}, nil, nil)))
		}
		before := encode(t, apiServices)
		first, second := make2(apiServices), make2(rapid.Permutation(apiServices).Draw(t, "order"))
		if diff := cmp.Diff(encode(t, first.discovery.result), encode(t, second.discovery.result)); diff != "" {
			t.Fatalf("discovery depends on the order:\n%s", diff)
		}
		if diff := cmp.Diff(first.Conditions, second.Conditions); diff != "" {
			t.Fatalf("conditions depend on the order:\n%s", diff)
		}
		if diff := cmp.Diff(before, encode(t, apiServices)); diff != "" {
			t.Fatalf("build changed its input:\n%s", diff)
		}
	})
}

func encode(t interface{ Fatal(...any) }, v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestUnchangedDocumentsAreKept(t *testing.T) {
	t.Parallel()
	in := inputOf(newRegistry([]*apiregistrationv1.APIService{remoteAPIService("a", "v1", "one")},
		[]*corev1.Service{clusterIP("one")}, []*discoveryv1.EndpointSlice{sliceOf("one", 1)}, nil, nil))
	first := build(in)
	in.previous = first
	second := build(in)
	if !second.equal(first) || second.discovery != first.discovery || second.openAPI != first.openAPI {
		t.Error("nothing changed, yet the documents were made anew")
	}
	for key, view := range in.backends {
		failed, changed := view.seen.withProbes(map[schema.GroupVersion]availability.ProbeResult{{Group: "a", Version: "v1"}: {Done: true, Failure: "down"}}, view.spec.groupVersions)
		if !changed {
			t.Fatal("a failed probe changed nothing")
		}
		view.seen = failed
		in.backends[key] = view
	}
	third := build(in)
	if third.equal(first) || third.discovery != first.discovery || third.openAPI != first.openAPI {
		t.Error("a probe should change the route and leave the documents")
	}
}

func TestObservationKeepsTheLastGood(t *testing.T) {
	t.Parallel()
	gv := schema.GroupVersion{Group: "a", Version: "v1"}
	entry := &apidiscoveryv2.APIVersionDiscovery{Version: "v1"}
	index := &handler3.OpenAPIV3Discovery{}
	good, _ := (&observation{}).withDiscovery(discovered{
		entries: map[schema.GroupVersion]discoveryEntry{gv: {form: discoverymerge.FormAggregated, entry: entry}},
	})
	good, _ = good.withOpenAPI(openAPI{v3: openAPIV3{index: index}})
	down := undiscovered([]schema.GroupVersion{gv}, "down")
	failed, changed := good.withDiscovery(down)
	if !changed || failed.discovery[gv].entry != entry || failed.discovery[gv].failure != "down" {
		t.Errorf("the last good entry should stay beside the failure: %+v", failed.discovery)
	}
	if _, changed := failed.withDiscovery(down); changed {
		t.Error("the same failure again is nothing new")
	}
	lost, changed := failed.withOpenAPI(openAPI{v2: openAPIV2{failure: "down"}, v3: openAPIV3{failure: "down"}})
	if !changed || lost.v3.index != index || lost.v3.failure != "down" {
		t.Errorf("the last good index should stay beside the failure: %+v", lost.v3)
	}
	replaced := lost.succeed(nil)
	if replaced.v3.index != index || !replaced.fetched {
		t.Error("a backend that takes another's place should begin with its documents")
	}
}

func TestWaiter(t *testing.T) {
	t.Parallel()
	w := waiter{intervals: intervals{regular: time.Second, firstRetry: time.Second, lastRetry: 3 * time.Second, costFactor: 50, longest: 10 * time.Second}}
	got := []time.Duration{
		w.next(false, time.Hour), w.next(false, 100*time.Millisecond), w.next(false, time.Hour), w.next(false, time.Hour),
		w.next(false, time.Millisecond), w.next(false, time.Hour),
		w.next(true, 0), w.next(true, 0), w.next(true, 0), w.next(false, time.Hour), w.next(true, time.Hour), w.next(true, 0),
	}
	s := time.Second
	if diff := cmp.Diff([]time.Duration{s, 5 * s, 5 * s, 10 * s, s, s, s, 2 * s, 3 * s, s, 10 * s, 2 * s}, got); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}
