package discoverymerge_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apidiscoveryv2beta1 "k8s.io/api/apidiscovery/v2beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	apidiscoveryv2conversion "k8s.io/apiserver/pkg/apis/apidiscovery/v2"
	"k8s.io/apiserver/pkg/endpoints"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	"sigs.k8s.io/yaml"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/internal/bounds"
)

// upstreamAggregatedDecoder is the one that kube-aggregator's NewDiscoveryManager makes.
var upstreamAggregatedDecoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	utilruntime.Must(apidiscoveryv2.AddToScheme(scheme))
	utilruntime.Must(apidiscoveryv2conversion.RegisterConversions(scheme))
	return serializer.NewCodecFactory(scheme).UniversalDecoder()
}()

// fuzzedSize is the longest input that is fuzzed: longer ones make a short run shorter and find nothing more.
const fuzzedSize = 1 << 16

// goldenDocuments are the golden cases, each as the document of one backend that has all its entries.
func goldenDocuments(f *testing.F) []*apidiscoveryv2.APIGroupDiscoveryList {
	f.Helper()
	files, err := filepath.Glob("../testdata/discoverymerge/*/input.yaml")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden cases: %v", err)
	}
	documents := make([]*apidiscoveryv2.APIGroupDiscoveryList, 0, len(files))
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var golden goldenInput
		if err := yaml.UnmarshalStrict(data, &golden); err != nil {
			f.Fatalf("decode %s: %v", file, err)
		}
		list := &apidiscoveryv2.APIGroupDiscoveryList{
			TypeMeta: metav1.TypeMeta{Kind: "APIGroupDiscoveryList", APIVersion: "apidiscovery.k8s.io/v2"},
		}
		for _, in := range golden.Inputs {
			if in.Entry != nil {
				list.Items = append(list.Items, apidiscoveryv2.APIGroupDiscovery{
					ObjectMeta: metav1.ObjectMeta{Name: in.Group}, Versions: []apidiscoveryv2.APIVersionDiscovery{*in.Entry},
				})
			}
		}
		documents = append(documents, list)
	}
	return documents
}

// addEncoded adds an object in JSON, YAML and protobuf.
func addEncoded(f *testing.F, scheme *runtime.Scheme, object runtime.Object) {
	f.Helper()
	asJSON, err := json.Marshal(object)
	if err != nil {
		f.Fatal(err)
	}
	asYAML, err := yaml.JSONToYAML(asJSON)
	if err != nil {
		f.Fatal(err)
	}
	asProtobuf, err := runtime.Encode(protobuf.NewSerializer(scheme, scheme), object)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(asJSON)
	f.Add(asYAML)
	f.Add(asProtobuf)
}

// addOddities adds what a backend may answer by mistake.
func addOddities(f *testing.F) {
	f.Helper()
	for _, text := range []string{
		"", "null", "{}", "[]", "<html>", "a: &a [*a]", "a: &a [1,1,1]\nb: &b [*a,*a,*a]\nitems: [*b,*b,*b]",
		`{"kind":"Status","apiVersion":"v1","status":"Failure"}`, `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`,
		"apiVersion: v", `{"kind":"APIResourceList","apiVersion":"any/v7","groupVersion":"a/v1","resources":[{"name":"x"}]}`,
		`{"kind":"APIResourceList","groupVersion":"a/v1","resources":[{"name":"x/y/z","verbs":null},{"name":"/"}]}`,
		`{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2beta1","items":[]}`,
		`{"items":[{"metadata":{"name":"a"},"versions":[{"version":"v1"},{"version":"v1"}]}]}`,
	} {
		f.Add([]byte(text))
	}
}

func FuzzDecodeAggregated(f *testing.F) {
	scheme := runtime.NewScheme()
	utilruntime.Must(apidiscoveryv2.AddToScheme(scheme))
	utilruntime.Must(apidiscoveryv2beta1.AddToScheme(scheme))
	for _, list := range goldenDocuments(f) {
		addEncoded(f, scheme, list)
		older := &apidiscoveryv2beta1.APIGroupDiscoveryList{}
		if err := apidiscoveryv2conversion.Convertv2APIGroupDiscoveryListTov2beta1APIGroupDiscoveryList(list, older, nil); err != nil {
			f.Fatal(err)
		}
		older.TypeMeta = metav1.TypeMeta{Kind: "APIGroupDiscoveryList", APIVersion: "apidiscovery.k8s.io/v2beta1"}
		addEncoded(f, scheme, older)
	}
	addOddities(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > fuzzedSize {
			t.Skip("too long")
		}
		bounds.Check(t, len(data), func() {
			want := &apidiscoveryv2.APIGroupDiscoveryList{}
			wantErr := runtime.DecodeInto(upstreamAggregatedDecoder, data, want)
			got, err := discoverymerge.DecodeAggregated(data)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("error %v, the kube-aggregator's %v", err, wantErr)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(discoverymerge.FromAggregated(want), got); diff != "" {
				t.Fatalf("differs from the kube-aggregator (-want +got):\n%s", diff)
			}
			mergeDecoded(t, got)
		})
	})
}

func FuzzDecodeLegacy(f *testing.F) {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	for _, document := range goldenDocuments(f) {
		for _, group := range document.Items {
			for _, version := range group.Versions {
				gv := schema.GroupVersion{Group: group.Name, Version: version.Version}
				b := backend{listed: map[schema.GroupVersion][]apidiscoveryv2.APIResourceDiscovery{gv: version.Resources}}
				addEncoded(f, scheme, b.legacy(gv))
			}
		}
	}
	addOddities(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > fuzzedSize {
			t.Skip("too long")
		}
		bounds.Check(t, len(data), func() {
			want, wantErr := upstreamLegacy(data)
			got, err := discoverymerge.DecodeLegacy(flunders, data)
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("error %v, the kube-aggregator's %v", err, wantErr)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(want, got.Resources); diff != "" {
				t.Fatalf("differs from the kube-aggregator (-want +got):\n%s", diff)
			}
			mergeDecoded(t, map[schema.GroupVersion]apidiscoveryv2.APIVersionDiscovery{flunders: *got})
		})
	})
}

// upstreamLegacy is the end of kube-aggregator's fetchFreshDiscoveryForService.
func upstreamLegacy(data []byte) ([]apidiscoveryv2.APIResourceDiscovery, error) {
	list := &metav1.APIResourceList{}
	if err := runtime.DecodeInto(aggregatorscheme.Codecs.UniversalDecoder(), data, list); err != nil {
		return nil, err
	}
	return endpoints.ConvertGroupVersionIntoToDiscovery(list.APIResources)
}

// mergeDecoded merges what was decoded: whatever a backend lists must not stop the others.
func mergeDecoded(t *testing.T, entries map[schema.GroupVersion]apidiscoveryv2.APIVersionDiscovery) {
	t.Helper()
	in := []discoverymerge.Input{{APIService: "v1.other.example", Group: "other.example", Version: "v1", Form: discoverymerge.FormAggregated}}
	for gv, entry := range entries {
		in = append(in, discoverymerge.Input{
			APIService: gv.Version + "." + gv.Group, Group: gv.Group, Version: gv.Version, Form: discoverymerge.FormAggregated, Entry: &entry,
		})
	}
	for _, group := range discoverymerge.Merge(in, discoverymerge.Quirks{}).Aggregated.Items {
		if group.Name == "other.example" {
			return
		}
	}
	t.Errorf("the other group is no longer listed")
}
