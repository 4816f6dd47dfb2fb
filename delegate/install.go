package delegate

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	restful "github.com/emicklei/go-restful/v3"
	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/endpoints"
	"k8s.io/apiserver/pkg/endpoints/discovery"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiservicestorage "k8s.io/kube-aggregator/pkg/registry/apiservice/etcd"
)

// storages are the REST storages of the served group versions, by resource and "resource/subresource".
type storages map[schema.GroupVersion]map[string]rest.Storage

func (s storages) add(gv schema.GroupVersion, name string, storage rest.Storage) {
	if s[gv] == nil {
		s[gv] = map[string]rest.Storage{}
	}
	s[gv][name] = storage
}

// openStores makes the store of each row.
func (s *Server) openStores() error {
	for i := range table {
		r := &table[i]
		st, err := newStore(r, s.config.RESTOptionsGetter)
		if err != nil {
			return err
		}
		s.stores[st.DefaultQualifiedResource.String()] = st
		if st.DefaultQualifiedResource == corev1.Resource("namespaces") {
			st.ShouldDeleteDuringUpdate = emptyNamespace // in the stores of its subresources too
		}
		if !r.cluster {
			st.AfterDelete = s.terminator.touched
			s.terminator.contents = append(s.terminator.contents, st)
		}
	}
	serviceAllocator{s.core("services")}.install()
	return nil
}

// storages lays out all resources.
func (s *Server) storages() (storages, error) {
	out := storages{}
	for i := range table {
		r := &table[i]
		st := s.stores[r.gv.WithResource(r.resource).GroupResource().String()]
		out.add(r.gv, r.resource, st)
		if r.status {
			out.add(r.gv, r.resource+"/status", newStatusStore(st))
		}
		if r.scale != nil {
			out.add(r.gv, r.resource+"/scale", scaleStore{st})
		}
		for j := range r.parts {
			out.add(r.gv, r.resource+"/"+r.parts[j].name, newPartStore(st, &r.parts[j]))
		}
		for j := range r.also {
			out.add(r.also[j].gv, r.resource, st)
			if r.status {
				out.add(r.also[j].gv, r.resource+"/status", newStatusStore(st))
			}
		}
	}
	namespaces := s.core("namespaces")
	finalize := newFinalizeStore(namespaces)
	s.terminator.ns, s.terminator.finalize, s.terminator.status = namespaces, finalize, newStatusStore(namespaces)
	core := out[corev1.SchemeGroupVersion]
	core["namespaces"] = newNamespaceStore(namespaces, s.terminator.queue.Add)
	core["namespaces/finalize"] = finalize
	core["bindings"], core["pods/binding"] = bindingsStore{bindingStore{s.core("pods")}}, bindingStore{s.core("pods")}
	core["pods/eviction"] = newEvictionStore(s.core("pods"), s.stores[policyv1.Resource("poddisruptionbudgets").String()])
	core["componentstatuses"] = newComponentStore()
	s.connections(core)
	out.add(eventsv1.SchemeGroupVersion, "events", s.core("events"))

	services := apiservicestorage.NewREST(Scheme, s.config.RESTOptionsGetter)
	out.add(apiregistrationv1.SchemeGroupVersion, "apiservices", services)
	out.add(apiregistrationv1.SchemeGroupVersion, "apiservices/status", apiservicestorage.NewStatusREST(Scheme, services))

	s.installServiceAccounts(core)
	escalation{s.config.Authorizer, s.rbacStore}.guard(out[rbacv1.SchemeGroupVersion])
	out[authenticationv1.SchemeGroupVersion] = authenticationReviews(s.config.Authenticator, s.config.APIAudiences)
	out[authorizationv1.SchemeGroupVersion] = accessReviews{s.config.Authorizer, s.config.Denied}.storage()
	return out, s.addCustomResourceDefinitions(out)
}

// installGroups serves every group version, and the discovery of all.
func (s *Server) installGroups() error {
	all, err := s.storages()
	if err != nil {
		return err
	}
	types := map[string]schemas{}
	for _, group := range servedGroups(all) {
		if types[group], err = s.documents.newSchemas(group, all); err != nil {
			return err
		}
	}
	for _, gv := range servedVersions(all) {
		if err := s.installVersion(gv, all[gv], types[gv.Group]); err != nil {
			return err
		}
	}
	for _, group := range servedGroups(all) {
		s.installGroupDiscovery(group, all)
	}
	go s.prepare(types)
	return nil
}

// prepare makes, beside the rest of the start, the routes and schemas of what nearly every start writes.
func (s *Server) prepare(types map[string]schemas) {
	for _, kind := range []struct {
		schema.GroupVersionKind
		resource string
	}{
		{corev1.SchemeGroupVersion.WithKind("Service"), "services"},
		{discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"), "endpointslices"},
		{apiregistrationv1.SchemeGroupVersion.WithKind("APIService"), "apiservices"},
	} {
		// Who asks or writes gets the errors.
		_, _ = types[kind.Group].of(kind.Kind)
		_, _ = s.routes.ensure(s.routes.byPath[rootPath(kind.GroupVersion())], kind.resource)
	}
}

// installVersion serves a group version.
func (s *Server) installVersion(gv schema.GroupVersion, resources map[string]rest.Storage, types managedfields.TypeConverter) error {
	found, err := describe(gv, resources, s.generic.EquivalentResourceRegistry)
	if err != nil {
		return err
	}
	s.routes.add(rootPath(gv), slices.DeleteFunc(slices.Collect(maps.Keys(resources)), isSubresource), func(resource string) (*restful.WebService, error) {
		return makeRoutes(s.apiGroupVersion(gv, partOf(resources, resource), types))
	})
	s.kinds = append(s.kinds, kinds(gv, found, s.selectors)...)
	s.discovery(gv).AddGroupVersion(gv.Group, apidiscoveryv2.APIVersionDiscovery{
		Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent, Version: gv.Version, Resources: found,
	})
	p := rank(gv)
	s.discovery(gv).SetGroupVersionPriority(metav1.GroupVersion(gv), int(p.group), int(p.version))
	return nil
}

func isSubresource(path string) bool { return strings.Contains(path, "/") }

// partOf returns the storages of a resource and its subresources; those of all for "".
func partOf(all map[string]rest.Storage, resource string) map[string]rest.Storage {
	out := maps.Clone(all)
	maps.DeleteFunc(out, func(path string, _ rest.Storage) bool {
		of, _, _ := strings.Cut(path, "/")
		return resource != "" && of != resource
	})
	return out
}

// rootPath is where a group version is served.
func rootPath(gv schema.GroupVersion) string { return path.Join(root(gv), gv.Group, gv.Version) }

// apiGroupVersion is what GenericAPIServer.InstallAPIGroup makes of a group version, but for the schemas that
// server-side apply needs, which are built at the first write.
func (s *Server) apiGroupVersion(gv schema.GroupVersion, resources map[string]rest.Storage, types managedfields.TypeConverter) *endpoints.APIGroupVersion {
	served := map[string][]string{}
	for name := range resources {
		served[name] = []string{gv.String()}
	}
	codecs := serializer.NewCodecFactory(Scheme,
		serializer.WithStreamingCollectionEncodingToJSON(), serializer.WithStreamingCollectionEncodingToProtobuf(),
		serializer.WithSerializer(cbor.NewSerializerInfo))
	return &endpoints.APIGroupVersion{
		Storage: resources, Root: root(gv), GroupVersion: gv, AllServedVersionsByResource: served,
		OptionsExternalVersion: &schema.GroupVersion{Version: "v1"},
		Serializer:             codecs, ParameterCodec: runtime.NewParameterCodec(Scheme),
		Typer: Scheme, Creater: Scheme, Convertor: Scheme, ConvertabilityChecker: Scheme, Defaulter: Scheme, //nolint:misspell // upstream's name
		Namer: runtime.Namer(meta.NewAccessor()), UnsafeConvertor: runtime.UnsafeObjectConvertor(Scheme),
		TypeConverter:              types,
		EquivalentResourceRegistry: registeredKinds{s.generic.EquivalentResourceRegistry},
		Authorizer:                 s.config.Authorizer,
		Admit:                      s.admission,
		MinRequestTimeout:          s.config.MinRequestTimeout,
		MaxRequestBodyBytes:        maxBody,
	}
}

// makeRoutes makes the routes of a group version.
func makeRoutes(v *endpoints.APIGroupVersion) (*restful.WebService, error) {
	own := restful.NewContainer()
	if _, _, err := v.InstallREST(own); err != nil {
		return nil, fmt.Errorf("installing %s: %w", v.GroupVersion, err)
	}
	return own.RegisteredWebServices()[0], nil
}

// registeredKinds registers nothing: describe has.
type registeredKinds struct {
	runtime.EquivalentResourceMapper
}

// RegisterKindFor implements runtime.EquivalentResourceRegistry.
func (registeredKinds) RegisterKindFor(schema.GroupVersionResource, string, schema.GroupVersionKind) {
}

// selectors are the field selectors of a stored resource.
func (s *Server) selectors(resource schema.GroupResource) []string {
	if resource.Group == eventsv1.GroupName {
		resource.Group = corev1.GroupName
	}
	st := s.stores[resource.String()]
	switch {
	case resource == apiregistrationv1.SchemeGroupVersion.WithResource("apiservices").GroupResource(), resource == apiextensionsv1.Resource("customresourcedefinitions"):
		return []string{metav1.ObjectNameField} // kept by stores of their own libraries
	case st == nil:
		return nil
	}
	out := []string{metav1.ObjectNameField}
	if !st.row.cluster {
		out = append(out, "metadata.namespace")
	}
	for i := range st.row.selectors {
		out = append(out, st.row.selectors[i].name)
	}
	slices.Sort(out)
	return out
}

func (s *Server) discovery(gv schema.GroupVersion) aggregated.ResourceManager {
	if gv.Group == "" {
		return s.generic.AggregatedLegacyDiscoveryGroupManager
	}
	return s.generic.AggregatedDiscoveryGroupManager
}

// installGroupDiscovery serves /apis/<group> and its entry in /apis, or /api for the core group.
func (s *Server) installGroupDiscovery(group string, all storages) {
	container := s.generic.Handler.GoRestfulContainer
	if group == "" {
		handler := discovery.NewLegacyRootAPIHandler(discovery.DefaultAddresses{DefaultAddress: s.generic.ExternalAddress}, Codecs, genericapiserver.DefaultLegacyAPIPrefix)
		m := s.generic.AggregatedLegacyDiscoveryGroupManager
		container.Add(aggregated.WrapAggregatedDiscoveryToHandler(handler, m, m).GenerateWebService(genericapiserver.DefaultLegacyAPIPrefix, metav1.APIVersions{}))
		return
	}
	entry := metav1.APIGroup{Name: group}
	for _, gv := range servedVersions(all) {
		if gv.Group == group {
			entry.Versions = append(entry.Versions, metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version})
		}
	}
	entry.PreferredVersion = entry.Versions[0]
	s.generic.DiscoveryGroupManager.AddGroup(entry)
	container.Add(discovery.NewAPIGroupHandler(Codecs, entry).WebService())
}

func root(gv schema.GroupVersion) string {
	if gv.Group == "" {
		return genericapiserver.DefaultLegacyAPIPrefix
	}
	return genericapiserver.APIGroupPrefix
}

// servedVersions sorts by priority, as a cluster's /apis does; equal priorities by name.
func servedVersions(all storages) []schema.GroupVersion {
	return slices.SortedFunc(maps.Keys(all), func(a, b schema.GroupVersion) int {
		pa, pb := rank(a), rank(b)
		switch {
		case pa.group != pb.group:
			return int(pb.group - pa.group)
		case a.Group != b.Group:
			return strings.Compare(a.Group, b.Group)
		default:
			return int(pb.version - pa.version)
		}
	})
}

func servedGroups(all storages) []string {
	var out []string
	for _, gv := range servedVersions(all) {
		if !slices.Contains(out, gv.Group) {
			out = append(out, gv.Group)
		}
	}
	return out
}
