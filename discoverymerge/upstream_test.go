package discoverymerge_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	"k8s.io/client-go/discovery"
	"k8s.io/klog/v2"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration/v1/helper"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"
	"pgregory.net/rapid"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/internal/tally"
)

// cases counts what was compared with upstream.
var cases tally.Tally

// What the cases are compared with.
const (
	resourceManager = "k8s.io/apiserver's ResourceManager under kube-aggregator's DiscoveryManager"
	versionSorter   = "kube-aggregator's SortedByGroupAndVersion"
	shortNames      = "client-go's shortcut expander"
)

// TestMain silences the log lines that the upstream code writes for each group-version, and tells how many cases
// were compared.
func TestMain(m *testing.M) {
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	if err := flags.Parse([]string{"-logtostderr=false", "-stderrthreshold=FATAL"}); err != nil {
		panic(err)
	}
	klog.SetOutput(io.Discard)
	code := m.Run()
	if err := cases.Print(os.Stdout); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// cluster is a set of backends and APIServices, and what the delegate serves.
type cluster struct {
	services map[string]*backend
	// remote are the APIServices with a service, by the service's name.
	remote []apiServiceSpec
	// delegate is what is served without one.
	delegate []discoverymerge.Input
}

type apiServiceSpec struct {
	gv       schema.GroupVersion
	group    int32
	version  int32
	backend  string
	asObject *apiregistrationv1.APIService
}

// backend answers discovery as custom apiservers do.
type backend struct {
	mode   string
	listed map[schema.GroupVersion][]apidiscoveryv2.APIResourceDiscovery
}

const (
	modeAggregated = "aggregated"
	modeLegacy     = "legacy"
	modeDown       = "down"
	modeBroken     = "broken"
)

func (b *backend) document() *apidiscoveryv2.APIGroupDiscoveryList {
	list := &apidiscoveryv2.APIGroupDiscoveryList{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroupDiscoveryList", APIVersion: "apidiscovery.k8s.io/v2"},
	}
	for gv, resources := range b.listed {
		list.Items = append(list.Items, apidiscoveryv2.APIGroupDiscovery{
			ObjectMeta: metav1.ObjectMeta{Name: gv.Group},
			Versions:   []apidiscoveryv2.APIVersionDiscovery{{Version: gv.Version, Resources: resources}},
		})
	}
	return list
}

func (b *backend) legacy(gv schema.GroupVersion) *metav1.APIResourceList {
	resources, listed := b.listed[gv]
	if !listed {
		return nil
	}
	list := &metav1.APIResourceList{
		TypeMeta:     metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"},
		GroupVersion: gv.String(),
	}
	for _, resource := range resources {
		kind := "Thing"
		if resource.ResponseKind != nil {
			kind = resource.ResponseKind.Kind
		}
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: resource.Resource, Kind: kind, Namespaced: resource.Scope == apidiscoveryv2.ScopeNamespace,
			Verbs: resource.Verbs, ShortNames: resource.ShortNames, SingularName: resource.SingularResource,
		})
	}
	return list
}

func (b *backend) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var body any
	switch {
	case b.mode == modeDown:
		http.Error(w, "service unavailable", http.StatusServiceUnavailable)
		return
	case b.mode == modeBroken:
		w.Header().Set("Content-Type", discovery.AcceptV2)
		_, _ = fmt.Fprint(w, "{")
		return
	case b.mode == modeAggregated && req.URL.Path == "/apis":
		w.Header().Set("Content-Type", discovery.AcceptV2)
		body = b.document()
	case b.mode == modeLegacy:
		var gv schema.GroupVersion
		for known := range b.listed {
			if req.URL.Path == "/apis/"+known.String() {
				gv = known
			}
		}
		list := b.legacy(gv)
		if list == nil {
			http.NotFound(w, req)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		body = list
	default:
		http.NotFound(w, req)
		return
	}
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

// inputs is what a caller of Merge would say of the cluster.
func (c *cluster) inputs() []discoverymerge.Input {
	in := slices.Clone(c.delegate)
	for _, spec := range c.remote {
		server := c.services[spec.backend]
		input := discoverymerge.Input{
			APIService: spec.asObject.Name, Group: spec.gv.Group, Version: spec.gv.Version, Backend: spec.backend,
			GroupPriorityMinimum: spec.group, VersionPriority: spec.version,
		}
		switch server.mode {
		case modeAggregated:
			input.Form = discoverymerge.FormAggregated
			if entry, listed := discoverymerge.FromAggregated(server.document())[spec.gv]; listed {
				input.Entry = &entry
			}
		case modeLegacy:
			input.Form = discoverymerge.FormLegacy
			entry, err := discoverymerge.FromLegacy(spec.gv, server.legacy(spec.gv))
			if err != nil {
				input.Failure = err.Error()
			}
			input.Entry = entry
		default:
			input.Form = discoverymerge.FormNone
			input.Failure = server.mode
			// What was known before: upstream forgets it.
			input.Entry = &apidiscoveryv2.APIVersionDiscovery{
				Version: spec.gv.Version, Resources: server.listed[spec.gv],
			}
		}
		in = append(in, input)
	}
	return in
}

var upstreamSources = map[discoverymerge.Source]aggregated.Source{
	discoverymerge.SourceAggregator: aggregated.AggregatorSource,
	discoverymerge.SourceBuiltin:    aggregated.BuiltinSource,
	discoverymerge.SourceCRD:        aggregated.CRDSource,
}

// upstream runs the real discovery manager of kube-aggregator over the real resource manager of k8s.io/apiserver
// and returns what that serves at /apis.
func (c *cluster) upstream(t *rapid.T) *apidiscoveryv2.APIGroupDiscoveryList {
	resources := aggregated.NewResourceManager("apis")
	for _, in := range c.delegate {
		target := resources.WithSource(upstreamSources[in.Source])
		entry := *in.Entry.DeepCopy()
		entry.Freshness = apidiscoveryv2.DiscoveryFreshnessCurrent
		target.AddGroupVersion(in.Group, entry)
		if in.GroupPriorityMinimum != 0 {
			target.SetGroupVersionPriority(metav1.GroupVersion{Group: in.Group, Version: in.Version},
				int(in.GroupPriorityMinimum), int(in.VersionPriority))
		}
	}
	manager := aggregatorapiserver.NewDiscoveryManager(resources.WithSource(aggregated.AggregatorSource))
	for _, spec := range c.remote {
		manager.AddAPIService(spec.asObject, c.services[spec.backend])
	}
	stop, synced, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		manager.Run(stop, synced)
	}()
	<-synced
	close(stop)
	<-done
	return serveAggregated(t, resources)
}

func serveAggregated(t *rapid.T, handler http.Handler) *apidiscoveryv2.APIGroupDiscoveryList {
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/apis", nil)
	req.Header.Set("Accept", discovery.AcceptV2)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	if recorder.Code != http.StatusOK {
		t.Fatalf("upstream answered %d: %s", recorder.Code, recorder.Body)
	}
	list := &apidiscoveryv2.APIGroupDiscoveryList{}
	if err := json.Unmarshal(recorder.Body.Bytes(), list); err != nil {
		t.Fatalf("decode upstream's answer: %v", err)
	}
	return list
}

// throughJSON makes nil and empty slices alike, as the wire does.
func throughJSON[T any](t *rapid.T, in *T) *T {
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	out := new(T)
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatalf("decode: %v", err)
	}
	return out
}

func TestAggregatedEqualsUpstream(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCluster(t)
		want := c.upstream(t)
		cases.Add(resourceManager)
		got := discoverymerge.Merge(c.inputs(), discoverymerge.UpstreamQuirks()).Aggregated
		if diff := cmp.Diff(want, throughJSON(t, got)); diff != "" {
			t.Errorf("the aggregated document differs from upstream's (-upstream +kagg):\n%s", diff)
		}
	})
}

func TestUnaggregatedEqualsUpstream(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := drawCluster(t)
		in := c.inputs()
		result := discoverymerge.Merge(in, discoverymerge.UpstreamQuirks())
		want := upstreamGroups(in)
		cases.Add(versionSorter)
		if diff := cmp.Diff(want, result.Groups.Groups[1:]); diff != "" {
			t.Errorf("the unaggregated list differs from upstream's (-upstream +kagg):\n%s", diff)
		}
		for i := range want {
			got := result.Group(want[i].Name)
			want[i].TypeMeta = metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}
			if diff := cmp.Diff(&want[i], got); diff != "" {
				t.Errorf("group %s differs from upstream's (-upstream +kagg):\n%s", want[i].Name, diff)
			}
		}
	})
}

// upstreamGroups does with upstream's sorter what apisHandler does.
func upstreamGroups(in []discoverymerge.Input) []metav1.APIGroup {
	var services []*apiregistrationv1.APIService
	for _, input := range in {
		if input.APIService != "" {
			services = append(services, &apiregistrationv1.APIService{
				ObjectMeta: metav1.ObjectMeta{Name: input.APIService},
				Spec: apiregistrationv1.APIServiceSpec{
					Group: input.Group, Version: input.Version,
					GroupPriorityMinimum: input.GroupPriorityMinimum, VersionPriority: input.VersionPriority,
				},
			})
		}
	}
	groups := []metav1.APIGroup{}
	for _, sorted := range helper.SortedByGroupAndVersion(services) {
		if sorted[0].Spec.Group == "" {
			continue
		}
		group := metav1.APIGroup{Name: sorted[0].Spec.Group}
		for _, service := range sorted {
			group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{
				GroupVersion: service.Spec.Group + "/" + service.Spec.Version, Version: service.Spec.Version,
			})
		}
		group.PreferredVersion = group.Versions[0]
		groups = append(groups, group)
	}
	return groups
}
