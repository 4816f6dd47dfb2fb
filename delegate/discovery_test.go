package delegate_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
)

// elsewhere are the resources of a kube-apiserver that other parts of the chain serve.
var elsewhere = []string{"apiextensions.k8s.io/v1 ", "v1 serviceaccounts/token "}

// TestDiscoveryIsUpstreams holds the names, verbs and subresources to those of a kube-apiserver.
func TestDiscoveryIsUpstreams(t *testing.T) {
	t.Parallel()
	client, err := discovery.NewDiscoveryClientForConfig(newServer(t, nil).ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	// The unaggregated form: the table has it, and subresources stand in it by themselves.
	client.UseLegacyDiscovery = true
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lists {
		if l.GroupVersion == "flowcontrol.apiserver.k8s.io/v1beta3" {
			continue // off by default in a cluster, on here for the servers that were built before v1.29
		}
		for i := range l.APIResources {
			if line := describe(l.GroupVersion, &l.APIResources[i]); !isElsewhere(line) {
				got = append(got, line)
			}
		}
	}
	data, err := os.ReadFile("testdata/discovery_v1.37.txt")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && !isElsewhere(line) {
			want = append(want, line)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func isElsewhere(line string) bool {
	return slices.ContainsFunc(elsewhere, func(prefix string) bool { return strings.HasPrefix(line, prefix) })
}

func describe(gv string, r *metav1.APIResource) string {
	kind := r.Kind
	if own := (metav1.GroupVersion{Group: r.Group, Version: r.Version}).String(); r.Version != "" && own != gv {
		kind = own + "/" + kind
	}
	list := func(items []string) string {
		if len(items) == 0 {
			return "-"
		}
		return strings.Join(items, ",")
	}
	scope, singular := "Cluster", r.SingularName
	if r.Namespaced {
		scope = "Namespaced"
	}
	if singular == "" {
		singular = "-"
	}
	return strings.Join([]string{
		gv, r.Name, kind, scope, singular, list(r.ShortNames), list(r.Categories), list(slices.Sorted(slices.Values(r.Verbs))),
	}, " ")
}
