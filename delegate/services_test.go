package delegate_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

func serviceOf(name string, kind corev1.ServiceType, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{ObjectMeta: object(name), Spec: corev1.ServiceSpec{Type: kind, Ports: ports}}
}

func createService(t *testing.T, c typedcorev1.ServiceInterface, s *corev1.Service) *corev1.Service {
	t.Helper()
	got, err := c.Create(t.Context(), s, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestServicesAreGivenAddresses(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1().Services("default")
	seen := map[string]bool{}
	for _, name := range []string{"a", "b", "c", "d"} {
		s := createService(t, c, serviceOf(name, corev1.ServiceTypeNodePort,
			corev1.ServicePort{Name: "one", Port: 80}, corev1.ServicePort{Name: "two", Port: 81}))
		ip, err := netip.ParseAddr(s.Spec.ClusterIP)
		if err != nil || !netip.MustParsePrefix("10.96.0.0/12").Contains(ip) || !slices.Equal(s.Spec.ClusterIPs, []string{s.Spec.ClusterIP}) {
			t.Errorf("%s: cluster IP %q, %q: %v", name, s.Spec.ClusterIP, s.Spec.ClusterIPs, err)
		}
		first, second := s.Spec.Ports[0].NodePort, s.Spec.Ports[1].NodePort
		if first < 30000 || first > 32767 || second < 30000 || second > 32767 || first == second {
			t.Errorf("%s: node ports %d and %d", name, first, second)
		}
		if seen[s.Spec.ClusterIP] {
			t.Errorf("%s: cluster IP %s is given twice", name, s.Spec.ClusterIP)
		}
		seen[s.Spec.ClusterIP] = true
	}
	headless := serviceOf("headless", corev1.ServiceTypeClusterIP, corev1.ServicePort{Port: 80})
	headless.Spec.ClusterIP = corev1.ClusterIPNone
	if got := createService(t, c, headless).Spec; got.ClusterIP != corev1.ClusterIPNone || got.Ports[0].NodePort != 0 {
		t.Errorf("a headless Service was given %s, %d", got.ClusterIP, got.Ports[0].NodePort)
	}
	far := serviceOf("far", corev1.ServiceTypeExternalName)
	far.Spec.ExternalName = "far.example.com"
	if got := createService(t, c, far).Spec; got.ClusterIP != "" || got.IPFamilyPolicy != nil {
		t.Errorf("a Service of another name was given %q, %v", got.ClusterIP, got.IPFamilyPolicy)
	}
}

func TestServicesKeepTheirAddresses(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1().Services("default")
	was := createService(t, c, serviceOf("kept", corev1.ServiceTypeNodePort, corev1.ServicePort{Name: "http", Port: 80})).Spec

	again := serviceOf("kept", corev1.ServiceTypeNodePort, corev1.ServicePort{Name: "http", Port: 80})
	got, err := c.Update(t.Context(), again, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(was, got.Spec); d != "" {
		t.Errorf("the same manifest again changed the Service:\n%s", d)
	}
	for _, step := range []struct {
		patch                string
		wantIP, wantNodePort bool
	}{
		{`{"spec":{"type":"ClusterIP"}}`, true, false},
		{`{"spec":{"type":"LoadBalancer"}}`, true, true},
		{`{"spec":{"type":"ExternalName","externalName":"far.example.com"}}`, false, false},
		{`{"spec":{"type":"ClusterIP","externalName":null}}`, true, false},
	} {
		s, err := c.Patch(t.Context(), "kept", types.MergePatchType, []byte(step.patch), metav1.PatchOptions{})
		if err != nil {
			t.Fatalf("%s: %v", step.patch, err)
		}
		if (s.Spec.ClusterIP != "") != step.wantIP || (s.Spec.Ports[0].NodePort != 0) != step.wantNodePort {
			t.Errorf("%s: %+v", step.patch, s.Spec)
		}
	}
}

func TestServicesRefuseTakenAddresses(t *testing.T) {
	t.Parallel()
	c := clientset(t, newServer(t, nil)).CoreV1().Services("default")
	first := createService(t, c, serviceOf("first", corev1.ServiceTypeNodePort, corev1.ServicePort{Port: 80, NodePort: 30080}))
	for name, test := range map[string]struct {
		change func(*corev1.ServiceSpec)
		want   string
	}{
		"cluster IP": {
			func(s *corev1.ServiceSpec) { s.ClusterIP = first.Spec.ClusterIP },
			`Service "second" is invalid: spec.clusterIPs: Invalid value: ["` + first.Spec.ClusterIP + `"]: failed to allocate IP ` +
				first.Spec.ClusterIP + `: provided IP is already allocated`,
		},
		"node port": {
			func(s *corev1.ServiceSpec) { s.Ports[0].NodePort = 30080 },
			`Service "second" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated`,
		},
		"node port out of range": {
			func(s *corev1.ServiceSpec) { s.Ports[0].NodePort = 80 },
			`Service "second" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. ` +
				`The range of valid ports is 30000-32767`,
		},
	} {
		second := serviceOf("second", corev1.ServiceTypeNodePort, corev1.ServicePort{Port: 80})
		test.change(&second.Spec)
		if _, err := c.Create(t.Context(), second, metav1.CreateOptions{}); err == nil || err.Error() != test.want {
			t.Errorf("%s: got  %v\nwant %s", name, err, test.want)
		}
	}
}
