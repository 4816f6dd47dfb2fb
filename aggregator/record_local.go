package aggregator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/internal/inprocess"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/recording"
)

// recordServer says how kagg is configured.
func (a *Aggregator) recordServer() *recording.Server {
	s := &recording.Server{
		Kagg: Version(), Kubernetes: ServerVersion().GitVersion, URL: a.url, Time: time.Now().UTC().Truncate(time.Second),
		Profile:                   string(a.config.Profile),
		TrustedCA:                 string(a.trust.roots),
		FileErrors:                a.fileErrors.list(),
		RequestHeaderAllowedNames: a.config.RequestHeader.AllowedNames,
		RequestHeaderClientCA:     string(a.auth.proxies.CurrentCABundleContent()),
	}
	cert, _ := a.trust.cert.CurrentCertKeyContent()
	s.ProxyClientCertificate = string(cert)
	for _, m := range a.config.AuthorizationModes {
		s.AuthorizationModes = append(s.AuthorizationModes, string(m))
	}
	for _, e := range a.config.Endpoints {
		s.Endpoints = append(s.Endpoints, e.String())
	}
	return s
}

// recordObjects returns the Local APIServices, and the other objects that decide
// something.
func (a *Aggregator) recordObjects(ctx context.Context) (local, remote []manifest.Object, err error) {
	source := a.source.Load()
	var objects []runtime.Object
	for _, o := range list[*apiregistrationv1.APIService](source.apiServices) {
		if o.Spec.Service != nil {
			objects = append(objects, o)
			continue
		}
		converted, err := recordObject(o)
		if err != nil {
			return nil, nil, err
		}
		local = append(local, converted)
	}
	for _, informer := range []interface{ List() []any }{source.services.GetStore(), source.slices.GetStore(), source.endpoints.GetStore()} {
		for _, o := range informer.List() {
			if object, ok := o.(runtime.Object); ok {
				objects = append(objects, object)
			}
		}
	}
	if a.authz.rbac != nil {
		bindings, err := a.recordRBAC(ctx)
		if err != nil {
			return nil, nil, err
		}
		objects = append(objects, bindings...)
	}
	for _, o := range objects {
		converted, err := recordObject(o)
		if err != nil {
			return nil, nil, err
		}
		remote = append(remote, converted)
	}
	slices.SortFunc(local, compareObjects)
	slices.SortFunc(remote, compareObjects)
	return local, remote, nil
}

func compareObjects(a, b manifest.Object) int {
	return cmp.Or(cmp.Compare(a.Object.GetKind(), b.Object.GetKind()), cmp.Compare(a.Object.GetNamespace(), b.Object.GetNamespace()),
		cmp.Compare(a.Object.GetName(), b.Object.GetName()))
}

func (a *Aggregator) recordRBAC(ctx context.Context) ([]runtime.Object, error) {
	client, err := kubernetes.NewForConfig(a.local.ClientConfig())
	if err != nil {
		return nil, err
	}
	var objects []runtime.Object
	for _, get := range []func() (runtime.Object, error){
		func() (runtime.Object, error) { return client.RbacV1().ClusterRoles().List(ctx, metav1.ListOptions{}) },
		func() (runtime.Object, error) {
			return client.RbacV1().ClusterRoleBindings().List(ctx, metav1.ListOptions{})
		},
		func() (runtime.Object, error) { return client.RbacV1().Roles("").List(ctx, metav1.ListOptions{}) },
		func() (runtime.Object, error) {
			return client.RbacV1().RoleBindings("").List(ctx, metav1.ListOptions{})
		},
	} {
		all, err := get()
		if err != nil {
			return nil, fmt.Errorf("record the objects of RBAC: %w", err)
		}
		items, err := meta.ExtractList(all)
		if err != nil {
			return nil, err
		}
		objects = append(objects, items...)
	}
	return objects, nil
}

// recordObject gives an object as a file would have it, without the record of who
// wrote what.
func recordObject(o runtime.Object) (manifest.Object, error) {
	kinds, _, err := delegate.Scheme.ObjectKinds(o)
	if err != nil {
		return manifest.Object{}, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return manifest.Object{}, err
	}
	u := &unstructured.Unstructured{Object: content}
	i := max(0, slices.IndexFunc(kinds, func(k schema.GroupVersionKind) bool { return k.Version != runtime.APIVersionInternal }))
	u.SetGroupVersionKind(kinds[i])
	u.SetManagedFields(nil)
	return manifest.Object{Object: u}, nil
}

// recordLocal asks the local APIs for their documents.
func (a *Aggregator) recordLocal(ctx context.Context, now *localAPIs, o RecordOptions) (*recording.Local, error) {
	config := a.local.ClientConfig()
	rt, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	l := &recording.Local{}
	core, rest := map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery{}, map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery{}
	for gv, entry := range now.builtin {
		if gv.Group == "" {
			core[gv] = entry
		} else {
			rest[gv] = entry
		}
	}
	for _, part := range []struct {
		into *[]byte
		from map[schema.GroupVersion]*apidiscoveryv2.APIVersionDiscovery
	}{{&l.Core, core}, {&l.Discovery, rest}, {&l.CustomResources.Discovery, now.custom}} {
		if *part.into, err = encodeDiscovery(part.from); err != nil {
			return nil, err
		}
	}
	// In the order of the delegates.
	targets := []*recording.Documents{&l.Documents, &l.CustomResources}
	transports := []http.RoundTripper{rt, inprocess.RoundTripper(now.serveCustomV3)}
	hosts := []string{config.Host, customResourcesHost}
	for i, in := range now.openAPI() {
		if err := recordLocalOpenAPI(ctx, transports[i], hosts[i], in, targets[i], o); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func recordLocalOpenAPI(ctx context.Context, rt http.RoundTripper, host string, in openapimerge.Input, d *recording.Documents, o RecordOptions) error {
	var err error
	if in.V2 != nil {
		if d.OpenAPIV2, err = in.V2.JSON(); err != nil {
			return err
		}
	}
	if in.V3 == nil {
		return nil
	}
	if d.OpenAPIV3Index, err = openapimerge.EncodeV3Index(in.V3); err != nil || !o.V3 {
		return err
	}
	d.OpenAPIV3 = map[string][]byte{}
	for _, key := range slices.Sorted(maps.Keys(in.V3.Paths)) {
		if d.OpenAPIV3[key], err = getLocal(ctx, rt, host+"/openapi/v3/"+key, runtime.ContentTypeJSON); err != nil {
			return err
		}
	}
	return nil
}
