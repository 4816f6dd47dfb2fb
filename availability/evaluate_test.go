package availability_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/availability"
)

func reference() *apiregistrationv1.ServiceReference {
	port := int32(443)
	return &apiregistrationv1.ServiceReference{Namespace: "foo", Name: "bar", Port: &port}
}

func service(port int32, portName string) *corev1.Service {
	return &corev1.Service{Spec: corev1.ServiceSpec{
		Type:  corev1.ServiceTypeClusterIP,
		Ports: []corev1.ServicePort{{Port: port, Name: portName}},
	}}
}

func endpointSlice(portName string, ready *bool) *discoveryv1.EndpointSlice {
	port := int32(6443)
	return &discoveryv1.EndpointSlice{
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: ready}}},
		Ports:     []discoveryv1.EndpointPort{{Name: &portName, Port: &port}},
	}
}

// The reasons and messages are those that the real controller's own table
// asserts (kube-aggregator pkg/controllers/status/remote).
func TestEvaluate(t *testing.T) {
	t.Parallel()
	passed := availability.ProbeResult{Done: true}
	yes, no := true, false
	slices := func(s ...*discoveryv1.EndpointSlice) []*discoveryv1.EndpointSlice { return s }
	for name, c := range map[string]struct {
		facts           availability.Facts
		status          apiregistrationv1.ConditionStatus
		reason, message string
	}{
		"local": {availability.Facts{}, "True", "Local", "Local APIServices are always available"},
		"no service": {
			availability.Facts{Service: reference(), Probe: passed},
			"False", "ServiceNotFound", `service/bar in "foo" is not present`,
		},
		"service cannot be read": {
			availability.Facts{Service: reference(), ObjectError: "denied"},
			"Unknown", "ServiceAccessError", `service/bar in "foo" cannot be checked due to: denied`,
		},
		"wrong port": {
			availability.Facts{Service: reference(), Object: service(6443, ""), Probe: passed},
			"False", "ServicePortError", `service/bar in "foo" is not listening on port 443`,
		},
		"no slices": {
			availability.Facts{Service: reference(), Object: service(443, ""), Probe: passed},
			"False", "EndpointsNotFound", `cannot find endpointslices for service/bar in "foo"`,
		},
		"slices cannot be read": {
			availability.Facts{Service: reference(), Object: service(443, ""), EndpointSlicesError: "denied"},
			"Unknown", "EndpointsAccessError", `service/bar in "foo" cannot be checked due to: denied`,
		},
		"slice of another port": {
			availability.Facts{Service: reference(), Object: service(443, "https"), EndpointSlices: slices(endpointSlice("other", &yes)), Probe: passed},
			"False", "MissingEndpoints", `endpointslices for service/bar in "foo" have no addresses with port name "https"`,
		},
		"no ready endpoint": {
			availability.Facts{Service: reference(), Object: service(443, ""), EndpointSlices: slices(endpointSlice("", &no)), Probe: passed},
			"False", "MissingEndpoints", `endpointslices for service/bar in "foo" have no addresses with port name ""`,
		},
		"readiness unset counts as ready": {
			availability.Facts{Service: reference(), Object: service(443, ""), EndpointSlices: slices(endpointSlice("", nil)), Probe: passed},
			"True", "Passed", "all checks passed",
		},
		"second slice serves": {
			availability.Facts{Service: reference(), Object: service(443, "a"), EndpointSlices: slices(endpointSlice("b", &yes), endpointSlice("a", &yes)), Probe: passed},
			"True", "Passed", "all checks passed",
		},
		"probe failed": {
			availability.Facts{Service: reference(), Object: service(443, ""), EndpointSlices: slices(endpointSlice("", &yes)), Probe: availability.ProbeResult{Done: true, Failure: "bad status"}},
			"False", "FailedDiscoveryCheck", "bad status",
		},
		"not probed yet": {
			availability.Facts{Service: reference(), Object: service(443, ""), EndpointSlices: slices(endpointSlice("", &yes))},
			"Unknown", "", "",
		},
		"external name has no endpoints to check": {
			availability.Facts{Service: reference(), Object: &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName}}, Probe: passed},
			"True", "Passed", "all checks passed",
		},
		"address given needs no service": {
			availability.Facts{Service: reference(), AddressGiven: true, Probe: passed},
			"True", "Passed", "all checks passed",
		},
		"address given and probe failed": {
			availability.Facts{Service: reference(), AddressGiven: true, Probe: availability.ProbeResult{Done: true, Failure: "refused"}},
			"False", "FailedDiscoveryCheck", "refused",
		},
		"no port means 443": {
			availability.Facts{
				Service: &apiregistrationv1.ServiceReference{Namespace: "foo", Name: "bar"}, Object: service(443, ""),
				EndpointSlices: slices(endpointSlice("", &yes)), Probe: passed,
			},
			"True", "Passed", "all checks passed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := apiregistrationv1.APIServiceCondition{Type: "Available", Status: c.status, Reason: c.reason, Message: c.message}
			if diff := cmp.Diff(want, availability.Evaluate(c.facts)); diff != "" {
				t.Errorf("condition (-want +got):\n%s", diff)
			}
		})
	}
}
