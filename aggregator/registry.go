package aggregator

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/proxy"
)

// Registry is what the local APIs hold that decides where requests go, at one
// moment. It is immutable; the objects in it are shared and must not be changed.
type Registry struct {
	// APIServices are sorted by name.
	APIServices []*apiregistrationv1.APIService
	// keys are the backends of the remote APIServices, by name.
	keys      map[string]backendKey
	services  map[objectKey]*corev1.Service
	slices    map[objectKey][]*discoveryv1.EndpointSlice
	endpoints map[objectKey]*corev1.Endpoints //nolint:staticcheck // the legacy kind is served for the objects that still use it
	overrides []proxy.Override
}

type objectKey struct{ namespace, name string }

// backendKey tells backends apart: what is fetched from one is the same for
// every APIService that has the same key.
type backendKey struct {
	namespace, name string
	port            int32
	// tls is a digest of the caBundle, or "insecure", or "".
	tls string
	// address is the endpoint annotation of the APIService, "" for none.
	address string
}

// label names the backend as people do: namespace/name:port.
func (k backendKey) label() string {
	return proxy.Query{Namespace: k.namespace, Name: k.name, Port: k.port}.String()
}

// backendSpec is what a backend's goroutines need to know of the registry.
type backendSpec struct {
	key           backendKey
	resolution    proxy.Resolution
	resolveErr    error
	caBundle      []byte
	insecure      bool
	groupVersions []schema.GroupVersion
}

// address is the part of the spec on which connections depend.
func (s backendSpec) address() string { return strings.Join(s.resolution.Hosts, ",") }

// newRegistry indexes the objects. It takes them over.
func newRegistry(apiServices []*apiregistrationv1.APIService, services []*corev1.Service,
	endpointSlices []*discoveryv1.EndpointSlice, endpoints []*corev1.Endpoints, //nolint:staticcheck // see Registry
	overrides []proxy.Override,
) *Registry {
	r := &Registry{
		APIServices: apiServices,
		keys:        make(map[string]backendKey, len(apiServices)),
		services:    make(map[objectKey]*corev1.Service, len(services)),
		slices:      make(map[objectKey][]*discoveryv1.EndpointSlice, len(endpointSlices)),
		endpoints:   make(map[objectKey]*corev1.Endpoints, len(endpoints)), //nolint:staticcheck // see Registry
		overrides:   overrides,
	}
	slices.SortFunc(r.APIServices, func(a, b *apiregistrationv1.APIService) int { return cmp.Compare(a.Name, b.Name) })
	for _, a := range apiServices {
		if a.Spec.Service != nil {
			r.keys[a.Name] = keyOf(a)
		}
	}
	for _, s := range services {
		r.services[objectKey{s.Namespace, s.Name}] = s
	}
	slices.SortFunc(endpointSlices, func(a, b *discoveryv1.EndpointSlice) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range endpointSlices {
		k := objectKey{s.Namespace, s.Labels[discoveryv1.LabelServiceName]}
		r.slices[k] = append(r.slices[k], s)
	}
	for _, e := range endpoints {
		r.endpoints[objectKey{e.Namespace, e.Name}] = e
	}
	return r
}

// resolve finds the addresses of a remote APIService.
func (r *Registry) resolve(a *apiregistrationv1.APIService) (proxy.Resolution, error) {
	return r.resolveService(queryOf(a), a.Annotations[proxy.EndpointAnnotation])
}

// queryOf is what a remote APIService asks for.
func queryOf(a *apiregistrationv1.APIService) proxy.Query {
	ref := a.Spec.Service
	return proxy.Query{Namespace: ref.Namespace, Name: ref.Name, Port: availability.Port(ref)}
}

// resolveService finds the addresses of a Service. annotation is that of the
// APIService which names it, "" for none.
func (r *Registry) resolveService(q proxy.Query, annotation string) (proxy.Resolution, error) {
	k := objectKey{q.Namespace, q.Name}
	service := r.services[k]
	in := proxy.Registry{
		Overrides:            r.overrides,
		APIServiceAnnotation: annotation,
		Service:              service,
		EndpointSlices:       r.slices[k],
		Endpoints:            r.endpoints[k],
	}
	if service != nil {
		in.ServiceAnnotation = service.Annotations[proxy.EndpointAnnotation]
	}
	return proxy.Resolve(q, in)
}

// facts gathers what the availability of a remote APIService depends on,
// but for the probe. spec is its backend's.
func (r *Registry) facts(a *apiregistrationv1.APIService, spec backendSpec) availability.Facts {
	k := objectKey{a.Spec.Service.Namespace, a.Spec.Service.Name}
	f := availability.Facts{
		Service:        a.Spec.Service,
		AddressGiven:   given(spec.resolution, spec.resolveErr),
		Object:         r.services[k],
		EndpointSlices: r.slices[k],
	}
	if e := r.endpoints[k]; len(f.EndpointSlices) == 0 && e != nil {
		f.EndpointSlices = mirror(e)
	}
	return f
}

// given tells whether an address was given by hand, be it a wrong one.
func given(resolution proxy.Resolution, err error) bool {
	if failed, ok := errors.AsType[*proxy.ResolveError](err); ok {
		return failed.Cause == proxy.CauseInvalidEndpoint
	}
	return resolution.Rule.Given()
}

// keyOf returns the backend that serves a remote APIService.
func keyOf(a *apiregistrationv1.APIService) backendKey {
	k := backendKey{
		namespace: a.Spec.Service.Namespace, name: a.Spec.Service.Name, port: availability.Port(a.Spec.Service),
		address: a.Annotations[proxy.EndpointAnnotation],
	}
	switch {
	case a.Spec.InsecureSkipTLSVerify:
		k.tls = "insecure"
	case len(a.Spec.CABundle) > 0:
		sum := sha256.Sum256(a.Spec.CABundle)
		k.tls = hex.EncodeToString(sum[:])
	}
	return k
}

// backends returns one spec for each backend that an APIService names, with the
// group-versions in the order of the APIServices' names.
func (r *Registry) backends() map[backendKey]backendSpec {
	specs := map[backendKey]backendSpec{}
	for _, a := range r.APIServices {
		if a.Spec.Service == nil {
			continue
		}
		key := r.keys[a.Name]
		spec, known := specs[key]
		if !known {
			spec = backendSpec{key: key, caBundle: a.Spec.CABundle, insecure: a.Spec.InsecureSkipTLSVerify}
			spec.resolution, spec.resolveErr = r.resolve(a)
		}
		spec.groupVersions = append(spec.groupVersions, groupVersionOf(a))
		specs[key] = spec
	}
	return specs
}

// mirror gives an Endpoints object as EndpointSlices, as the
// endpointslice-mirroring controller of a cluster does for those that nothing
// else makes slices of.
func mirror(e *corev1.Endpoints) []*discoveryv1.EndpointSlice { //nolint:staticcheck // see Registry
	out := make([]*discoveryv1.EndpointSlice, 0, len(e.Subsets))
	for _, subset := range e.Subsets {
		s := &discoveryv1.EndpointSlice{}
		for _, a := range subset.Addresses {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{a.IP}})
		}
		for _, p := range subset.Ports {
			s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: &p.Name, Port: &p.Port, Protocol: &p.Protocol})
		}
		out = append(out, s)
	}
	return out
}
