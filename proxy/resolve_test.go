package proxy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func service(edit func(*corev1.Service)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "api"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP, Ports: []corev1.ServicePort{{Name: "https", Port: 443}, {Name: "metrics", Port: 9090}}},
	}
	if edit != nil {
		edit(s)
	}
	return s
}

func slice(name string, family discoveryv1.AddressType, ports []discoveryv1.EndpointPort, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "api"}},
		AddressType: family, Ports: ports, Endpoints: endpoints,
	}
}

func port(name string, number int32) []discoveryv1.EndpointPort {
	return []discoveryv1.EndpointPort{{Name: &name, Port: &number}}
}

func endpoint(ready, serving, terminating *bool, addresses ...string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: addresses, Conditions: discoveryv1.EndpointConditions{Ready: ready, Serving: serving, Terminating: terminating}}
}

func up(addresses ...string) discoveryv1.Endpoint { return endpoint(nil, nil, nil, addresses...) }

var yes, no = new(true), new(false)

func TestResolve(t *testing.T) {
	t.Parallel()
	query := Query{Namespace: "default", Name: "api", Port: 443}
	v4, v6 := discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6
	slices := []*discoveryv1.EndpointSlice{slice("s", v4, port("https", 8443), up("10.0.0.1"))}
	endpoints := &corev1.Endpoints{ //nolint:staticcheck // see Registry.Endpoints
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "api"},
		Subsets: []corev1.EndpointSubset{{ //nolint:staticcheck // see Registry.Endpoints
			Addresses:         []corev1.EndpointAddress{{IP: "10.0.1.2"}, {IP: "10.0.1.1"}},
			NotReadyAddresses: []corev1.EndpointAddress{{IP: "10.0.1.3"}},
			Ports:             []corev1.EndpointPort{{Name: "https", Port: 6443}},
		}},
	}
	for _, tc := range []struct {
		name     string
		query    Query
		registry Registry
		want     Resolution
	}{
		{
			"flag wins over all", query,
			Registry{
				Overrides:            []Override{{"default", "other", 0, "a:1"}, {"default", "api", 0, "any:1"}, {"default", "api", 443, "exact:1"}},
				APIServiceAnnotation: "https://b:2", ServiceAnnotation: "https://c:3", Service: service(nil), EndpointSlices: slices,
			},
			Resolution{[]string{"exact:1"}, RuleEndpointFlag, "the flag --endpoint default/api:443=exact:1 names this service."},
		},
		{
			"flag for any port, the first of two", query,
			Registry{Overrides: []Override{{"default", "api", 8080, "no:1"}, {"default", "api", 0, "any:1"}, {"default", "api", 0, "any:2"}}},
			Resolution{[]string{"any:1"}, RuleEndpointFlag, "the flag --endpoint default/api=any:1 names this service."},
		},
		{
			"annotation on the APIService", query,
			Registry{APIServiceAnnotation: "https://b:2/", ServiceAnnotation: "https://c:3", Service: service(nil), EndpointSlices: slices},
			Resolution{[]string{"b:2"}, RuleAPIServiceAnnotation, `the annotation kagg.dev/endpoint on the APIService is "https://b:2/".`},
		},
		{
			"annotation on the Service", query,
			Registry{ServiceAnnotation: "https://[::1]", Service: service(nil), EndpointSlices: slices},
			Resolution{[]string{"[::1]:443"}, RuleServiceAnnotation, `the annotation kagg.dev/endpoint on the Service is "https://[::1]".`},
		},
		{
			"ExternalName takes any port", Query{"default", "api", 8443},
			Registry{Service: service(func(s *corev1.Service) {
				s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"}
			}), EndpointSlices: slices},
			Resolution{
				[]string{"localhost:8443"}, RuleExternalName,
				`the Service's type is ExternalName, its spec.externalName "localhost", and the APIService asks for port 8443.`,
			},
		},
		{
			"ready, serving and terminating", query,
			Registry{Service: service(nil), EndpointSlices: []*discoveryv1.EndpointSlice{
				slice("s2", v4, port("https", 8443), endpoint(yes, no, yes, "10.0.0.9"), endpoint(no, yes, no, "10.0.0.3"), endpoint(nil, nil, nil, "10.0.0.2", "10.9.9.9")),
				slice("s1", v4, port("https", 8443), endpoint(yes, nil, nil, "10.0.0.1"), endpoint(yes, nil, nil, "10.0.0.2"), endpoint(yes, nil, nil)),
				slice("s3", v4, port("metrics", 9090), endpoint(yes, nil, nil, "10.0.0.7")),
			}},
			Resolution{
				[]string{"10.0.0.1:8443", "10.0.0.2:8443", "10.0.0.9:8443"}, RuleEndpointSlices,
				`3 ready endpoints for port 443 ("https") in EndpointSlice s1, s2, s3; 1 not ready.`,
			},
		},
		{
			"headless, type not set, port without a name", query,
			Registry{
				Service: service(func(s *corev1.Service) {
					s.Spec = corev1.ServiceSpec{ClusterIP: "None", Ports: []corev1.ServicePort{{Port: 443}}}
				}),
				EndpointSlices: []*discoveryv1.EndpointSlice{slice("s", v4, []discoveryv1.EndpointPort{{Port: new(int32(6443))}}, up("127.0.0.1"))},
			},
			Resolution{[]string{"127.0.0.1:6443"}, RuleEndpointSlices, "1 ready endpoint for port 443 in EndpointSlice s."},
		},
		{
			"first IP family", query,
			Registry{
				Service: service(func(s *corev1.Service) {
					s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol, corev1.IPv4Protocol}
				}),
				EndpointSlices: append(slices, slice("s6", v6, port("https", 8443), up("fd00::1"))),
			},
			Resolution{
				[]string{"[fd00::1]:8443"}, RuleEndpointSlices,
				`1 ready endpoint for port 443 ("https") in EndpointSlice s, s6; 1 of another IP family left out.`,
			},
		},
		{
			"only another IP family", query,
			Registry{
				Service:        service(func(s *corev1.Service) { s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol} }),
				EndpointSlices: slices,
			},
			Resolution{[]string{"10.0.0.1:8443"}, RuleEndpointSlices, `1 ready endpoint for port 443 ("https") in EndpointSlice s.`},
		},
		{
			"slices of others do not count, Endpoints do", query,
			Registry{Service: service(nil), Endpoints: endpoints, EndpointSlices: []*discoveryv1.EndpointSlice{
				nil,
				func() *discoveryv1.EndpointSlice {
					s := slices[0].DeepCopy()
					s.Namespace = "other"
					return s
				}(),
				func() *discoveryv1.EndpointSlice {
					s := slices[0].DeepCopy()
					s.Labels[discoveryv1.LabelServiceName] = "other"
					return s
				}(),
			}},
			Resolution{
				[]string{"10.0.1.1:6443", "10.0.1.2:6443"}, RuleEndpoints,
				`2 ready endpoints for port 443 ("https") in Endpoints api; 1 not ready.`,
			},
		},
		{
			"slices win over Endpoints", query,
			Registry{Service: service(nil), Endpoints: endpoints, EndpointSlices: slices},
			Resolution{[]string{"10.0.0.1:8443"}, RuleEndpointSlices, `1 ready endpoint for port 443 ("https") in EndpointSlice s.`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := Resolve(tc.query, tc.registry)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveErrors(t *testing.T) {
	t.Parallel()
	query := Query{Namespace: "default", Name: "api", Port: 443}
	v4 := discoveryv1.AddressTypeIPv4
	for _, tc := range []struct {
		name     string
		query    Query
		registry Registry
		cause    Cause
		message  string
		detail   string
	}{
		{
			"no Service", query, Registry{}, CauseServiceNotFound, `service "api" not found`,
			`there is no Service api in namespace "default"; add it to the files, or start with --endpoint default/api:443=HOST:PORT`,
		},
		{
			"no such port", Query{"default", "api", 444}, Registry{Service: service(nil)}, CausePortNotFound,
			`no service port 444 found for service "api"`,
			`the Service's ports are 443 ("https"), 9090 ("metrics"); set spec.service.port of the APIService to one of them`,
		},
		{
			"unknown type", query, Registry{Service: service(func(s *corev1.Service) { s.Spec.Type = "Odd" })}, CauseUnsupportedType,
			`unsupported service type "Odd"`, "spec.type has to be ClusterIP, NodePort, LoadBalancer or ExternalName",
		},
		{
			"ExternalName without a name", query, Registry{Service: service(func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeExternalName })},
			CauseInvalidEndpoint, `no endpoints available for service "api"`,
			"the Service's type is ExternalName and its spec.externalName is empty; set it to a host name",
		},
		{
			"bad annotation", query, Registry{APIServiceAnnotation: "http://b:2", Service: service(nil)},
			CauseInvalidEndpoint, `no endpoints available for service "api"`,
			`annotation kagg.dev/endpoint on the APIService: "http://b:2" is not an https URL: want https://HOST:PORT`,
		},
		{
			"cluster IP alone is no address", query, Registry{Service: service(func(s *corev1.Service) { s.Spec.ClusterIP = "10.96.0.7" })},
			CauseNoEndpoints, `no endpoints available for service "api"`,
			"the Service has no EndpointSlice (labelled kubernetes.io/service-name: api) and no Endpoints; add one, annotate the Service with kagg.dev/endpoint: https://HOST:PORT, or start with --endpoint default/api:443=HOST:PORT",
		},
		{
			"none ready", query, Registry{Service: service(nil), EndpointSlices: []*discoveryv1.EndpointSlice{
				slice("s", v4, port("https", 8443), endpoint(no, nil, nil, "10.0.0.1")),
			}},
			CauseNoEndpoints, `no endpoints available for service "api"`,
			`1 endpoint for port 443 ("https") in EndpointSlice s, none ready; make one ready, or start with --endpoint default/api:443=HOST:PORT`,
		},
		{
			"port of another name", query, Registry{Service: service(nil), EndpointSlices: []*discoveryv1.EndpointSlice{
				slice("s", v4, port("", 8443), up("10.0.0.1")),
			}},
			CauseNoEndpoints, `no endpoints available for service "api"`,
			`EndpointSlice s has no port called "https" (its ports: [""]), which is the name of the Service's port 443; name it so, or start with --endpoint default/api:443=HOST:PORT`,
		},
		{
			"port without endpoints", query, Registry{Service: service(nil), EndpointSlices: []*discoveryv1.EndpointSlice{slice("s", v4, port("https", 8443))}},
			CauseNoEndpoints, `no endpoints available for service "api"`,
			`EndpointSlice s has no address for port 443 ("https"); add one, or start with --endpoint default/api:443=HOST:PORT`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := Resolve(tc.query, tc.registry)
			var got *ResolveError
			if !errors.As(err, &got) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(&ResolveError{tc.query, tc.cause, tc.message, tc.detail}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err.Error() != tc.message || got.Explain() != tc.message+": "+tc.detail {
				t.Errorf("Error %q, Explain %q", err, got.Explain())
			}
		})
	}
}

func TestParseOverride(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Override{
		"default/api=127.0.0.1:6444":     {"default", "api", 0, "127.0.0.1:6444"},
		"default/api:443=localhost:6444": {"default", "api", 443, "localhost:6444"},
		"a/b:1=[::1]:65535":              {"a", "b", 1, "[::1]:65535"},
	} {
		got, err := ParseOverride(in)
		if err != nil || got != want || got.String() != in {
			t.Errorf("%q: %+v %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"":                         `endpoint "" has no "="`,
		"default/api":              `has no "="`,
		"api=127.0.0.1:1":          "names no namespace",
		"/api=127.0.0.1:1":         `namespace ""`,
		"default/=127.0.0.1:1":     `name ""`,
		"default/a_b=127.0.0.1:1":  `name "a_b"`,
		"default/api:x=h:1":        `port of the service: "x" is no port from 1 to 65535`,
		"default/api:0=h:1":        `"0" is no port`,
		"default/api:65536=h:1":    `"65536" is no port`,
		"default/api=https://h:1":  "without its scheme",
		"default/api=h":            "missing port",
		"default/api=:1":           "has no host",
		"default/api=h:http":       `"http" is no port`,
		"default/api=::1:6443":     "too many colons",
		"default/api=h/x:1":        "no host name",
		"default/api:443:444=h:80": "is no port",
	} {
		got, err := ParseOverride(in)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), overrideForm) {
			t.Errorf("%q: %+v, %v; want an error with %q", in, got, err, want)
		}
	}
}

func TestParseEndpointAnnotation(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://127.0.0.1:6443": "127.0.0.1:6443",
		"https://h/":             "h:443",
		"https://[::1]":          "[::1]:443",
		"https://[::1]:1":        "[::1]:1",
	} {
		if got, err := ParseEndpointAnnotation(in); err != nil || got != want {
			t.Errorf("%q: %q %v", in, got, err)
		}
	}
	for _, in := range []string{
		"", "h:1", "http://h:1", "https://", "https://h:", "https://h:0", "https://u@h:1",
		"https://h:1/path", "https://h:1?q", "https://h:1?q=1", "https://h:1#f", "https://h:x", "https://:1", "%",
	} {
		if got, err := ParseEndpointAnnotation(in); err == nil {
			t.Errorf("%q: %q, want an error", in, got)
		}
	}
}
