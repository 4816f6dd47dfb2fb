package demo_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/yaml"
)

// TestManifests decodes the manifests strictly and looks at what links them.
func TestManifests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var got []string
	for document := range strings.SplitSeq(string(w.demo.Manifests()), "---\n") {
		if document == "" {
			continue
		}
		switch {
		case strings.Contains(document, "kind: APIService"):
			var a apiregistrationv1.APIService
			mustDecode(t, document, &a)
			got = append(got, a.Name+" of "+a.Spec.Group+"/"+a.Spec.Version+" at "+a.Spec.Service.Namespace+"/"+a.Spec.Service.Name)
		case strings.Contains(document, "kind: EndpointSlice"):
			var e discoveryv1.EndpointSlice
			mustDecode(t, document, &e)
			address := net.JoinHostPort(e.Endpoints[0].Addresses[0], strconv.Itoa(int(*e.Ports[0].Port)))
			got = append(got, "slice of "+e.Labels[discoveryv1.LabelServiceName]+" at "+address)
		case strings.Contains(document, "kind: ClusterRoleBinding"):
			var b rbacv1.ClusterRoleBinding
			mustDecode(t, document, &b)
			got = append(got, b.RoleRef.Name+" to "+b.Subjects[0].Name)
		case strings.Contains(document, "kind: RoleBinding"):
			var b rbacv1.RoleBinding
			mustDecode(t, document, &b)
			got = append(got, b.RoleRef.Name+" in "+b.Namespace+" to "+b.Subjects[0].Name)
		default:
			var s corev1.Service
			mustDecode(t, document, &s)
			got = append(got, "service "+s.Namespace+"/"+s.Name+" to port "+s.Spec.Ports[0].TargetPort.String())
		}
	}
	servers := w.demo.Servers()
	port := func(address string) string { return address[strings.LastIndex(address, ":")+1:] }
	want := []string{
		"extension-apiserver-authentication-reader in kube-system to system:kagg:apiservers",
		"system:auth-delegator to system:kagg:apiservers",
		"service demo/orchard to port " + port(servers[0].Address),
		"slice of orchard at " + servers[0].Address,
		"v1.orchard.demo.kagg.dev of orchard.demo.kagg.dev/v1 at demo/orchard",
		"v1beta1.orchard.demo.kagg.dev of orchard.demo.kagg.dev/v1beta1 at demo/orchard",
		"service demo/weather to port " + port(servers[1].Address),
		"slice of weather at " + servers[1].Address,
		"v1.weather.demo.kagg.dev of weather.demo.kagg.dev/v1 at demo/weather",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("manifests (-want +got):\n%s", diff)
	}
}

func mustDecode(t *testing.T, document string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(document), into); err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
}
