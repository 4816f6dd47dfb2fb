package discoverymerge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kagg-project/kagg/discoverymerge"
)

func TestGroup(t *testing.T) {
	t.Parallel()
	result := discoverymerge.Merge([]discoverymerge.Input{
		{APIService: "v1.example.com", Group: "example.com", Version: "v1", VersionPriority: 10},
		{APIService: "v2.example.com", Group: "example.com", Version: "v2", VersionPriority: 20},
		{APIService: "v1.", Version: "v1"},
		{Group: "local.example.com", Version: "v1", Local: true, Entry: &apidiscoveryv2.APIVersionDiscovery{}},
	}, discoverymerge.UpstreamQuirks())

	v1 := metav1.GroupVersionForDiscovery{GroupVersion: "example.com/v1", Version: "v1"}
	v2 := metav1.GroupVersionForDiscovery{GroupVersion: "example.com/v2", Version: "v2"}
	want := &metav1.APIGroup{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"},
		Name:     "example.com", Versions: []metav1.GroupVersionForDiscovery{v2, v1}, PreferredVersion: v2,
	}
	got := result.Group("example.com")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the group differs (-want +got):\n%s", diff)
	}
	got.Versions[0].Version = "scribbled"
	if diff := cmp.Diff(want, result.Group("example.com")); diff != "" {
		t.Errorf("the group is not the caller's own (-want +got):\n%s", diff)
	}
	for _, name := range []string{"", "apiregistration.k8s.io", "local.example.com", "unknown.example.com"} {
		if got := result.Group(name); got != nil {
			t.Errorf("group %q is %v, want nil: it goes to the delegate", name, got)
		}
	}
	if got := (discoverymerge.Result{}).Group("example.com"); got != nil {
		t.Errorf("the group of an empty result is %v", got)
	}
}

func TestLocalAPIServiceMayComeAsTwoInputs(t *testing.T) {
	t.Parallel()
	entry := &apidiscoveryv2.APIVersionDiscovery{Resources: []apidiscoveryv2.APIResourceDiscovery{{Resource: "things"}}}
	service := discoverymerge.Input{
		APIService: "v1.example.com", Group: "example.com", Version: "v1", Local: true, Backend: "local",
		GroupPriorityMinimum: 17000, VersionPriority: 15,
	}
	served := service
	served.APIService, served.Entry = "", entry
	whole := service
	whole.Entry = entry

	one := discoverymerge.Merge([]discoverymerge.Input{whole}, discoverymerge.UpstreamQuirks())
	two := discoverymerge.Merge([]discoverymerge.Input{service, served}, discoverymerge.UpstreamQuirks())
	if diff := cmp.Diff(one, two, cmpopts.IgnoreUnexported(discoverymerge.Result{})); diff != "" {
		t.Errorf("two inputs give another result than one (-one +two):\n%s", diff)
	}
}

func TestInputsThatDifferInTheEntryOnly(t *testing.T) {
	t.Parallel()
	a := discoverymerge.Input{APIService: "v1.example.com", Group: "example.com", Version: "v1"}
	b := a
	a.Entry = &apidiscoveryv2.APIVersionDiscovery{Resources: []apidiscoveryv2.APIResourceDiscovery{{Resource: "as"}}}
	b.Entry = &apidiscoveryv2.APIVersionDiscovery{Resources: []apidiscoveryv2.APIResourceDiscovery{{Resource: "bs"}}}
	for _, in := range [][]discoverymerge.Input{{a, b}, {b, a}} {
		result := discoverymerge.Merge(in, discoverymerge.UpstreamQuirks())
		if got := result.Aggregated.Items[0].Versions[0].Resources[0].Resource; got != "as" {
			t.Errorf("the entry with %s is used, want the one with as", got)
		}
	}
}

func TestVersionsThatUpstreamCannotTellApart(t *testing.T) {
	t.Parallel()
	result := discoverymerge.Merge([]discoverymerge.Input{
		{APIService: "v1.example.com", Group: "example.com", Version: "v1"},
		{APIService: "v01.example.com", Group: "example.com", Version: "v01"},
	}, discoverymerge.UpstreamQuirks())
	versions := result.Aggregated.Items[0].Versions
	if diff := cmp.Diff([]string{"v01", "v1"}, []string{versions[0].Version, versions[1].Version}); diff != "" {
		t.Errorf("the versions differ (-want +got):\n%s", diff)
	}
}

func TestSourceText(t *testing.T) {
	t.Parallel()
	for _, source := range []discoverymerge.Source{
		discoverymerge.SourceAggregator, discoverymerge.SourceBuiltin, discoverymerge.SourceCRD,
	} {
		text, err := source.MarshalText()
		if err != nil {
			t.Fatalf("marshal %d: %v", int(source), err)
		}
		got := discoverymerge.Source(-1)
		if err := got.UnmarshalText(text); err != nil || got != source {
			t.Errorf("%s came back as %s, error %v", source, got, err)
		}
	}
	var source discoverymerge.Source
	err := source.UnmarshalText([]byte("moon"))
	if err == nil || err.Error() != `discovery source "moon" is unknown, write aggregator, builtin or crd` {
		t.Errorf("the error of an unknown source is %v", err)
	}
	if got := discoverymerge.Source(7).String(); got != "7" {
		t.Errorf("an unknown source is written %q, want 7", got)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	seen := map[discoverymerge.Rule]bool{}
	for _, rule := range discoverymerge.Rules() {
		if rule.Name == "" || rule.Meaning == "" || seen[rule.Name] {
			t.Errorf("rule %+v has no name, no meaning, or is there twice", rule)
		}
		if !strings.HasPrefix(rule.Upstream, "k8s.io/") || !strings.Contains(rule.Upstream, ".go, ") {
			t.Errorf("rule %s has upstream %q, want a file and a function", rule.Name, rule.Upstream)
		}
		seen[rule.Name] = true
	}
	discoverymerge.Rules()[0].Name = "scribbled"
	if discoverymerge.Rules()[0].Name == "scribbled" {
		t.Error("a caller can change the rules")
	}
}

// benchmarkInputs is n APIServices over n/4 groups and a few backends, each with five resources.
func benchmarkInputs(n int) []discoverymerge.Input {
	in := make([]discoverymerge.Input, 0, n)
	priorities := []int32{1000, 1001, 1002, 1003, 1004, 1005, 1006}
	for i := range n {
		entry := &apidiscoveryv2.APIVersionDiscovery{}
		for r := range 5 {
			entry.Resources = append(entry.Resources, apidiscoveryv2.APIResourceDiscovery{
				Resource: fmt.Sprintf("things%d-%d", i/4, r), SingularResource: fmt.Sprintf("thing%d-%d", i/4, r),
				Scope: apidiscoveryv2.ScopeNamespace, ResponseKind: &metav1.GroupVersionKind{Kind: "Thing"},
				Verbs: []string{"create", "delete", "get", "list", "patch", "update", "watch"},
			})
		}
		group, version := fmt.Sprintf("g%d.example.com", i/4), fmt.Sprintf("v%d", i%4+1)
		in = append(in, discoverymerge.Input{
			APIService: version + "." + group, Group: group, Version: version,
			GroupPriorityMinimum: priorities[i%len(priorities)], VersionPriority: 15,
			Backend: fmt.Sprintf("demo/s%d:443", i%5), Form: discoverymerge.FormAggregated, Entry: entry,
		})
	}
	return in
}

func BenchmarkMerge(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("inputs=%d", n), func(b *testing.B) {
			in, quirks := benchmarkInputs(n), discoverymerge.UpstreamQuirks()
			b.ReportAllocs()
			for b.Loop() {
				if got := discoverymerge.Merge(in, quirks); got.Aggregated == nil {
					b.Fatal("no document")
				}
			}
		})
	}
}
