package aggregator

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/kagg-project/kagg/delegate"
	"github.com/kagg-project/kagg/delegate/rbac"
	"github.com/kagg-project/kagg/internal/manifest"
	"github.com/kagg-project/kagg/proxy"
	"github.com/kagg-project/kagg/recording"
)

// Replay is the aggregation layer as a recording has it. It is immutable and
// safe for concurrent use.
type Replay struct {
	Recording *recording.Recording
	// Snapshot is what the recorded kagg served, by the same functions.
	Snapshot *Snapshot
	// Authorizer decides as the recorded kagg did.
	Authorizer authorizer.Authorizer

	// authorizers are those that Authorizer is made of, in order.
	authorizers []namedAuthorizer
}

// NewReplay makes the snapshot that follows from a recording. It asks nobody and
// starts nothing. Without recorded local APIs there are none in the snapshot: see
// RecordLocal. A document or object that cannot be read is an error which names
// its file.
func NewReplay(r *recording.Recording) (*Replay, error) {
	objects, err := typedObjects(r)
	if err != nil {
		return nil, err
	}
	server := r.Server
	if server == nil {
		server = &recording.Server{}
	}
	overrides := make([]proxy.Override, 0, len(server.Endpoints))
	for _, e := range server.Endpoints {
		o, err := proxy.ParseOverride(e)
		if err != nil {
			return nil, fmt.Errorf("the recording's server.json: %w", err)
		}
		overrides = append(overrides, o)
	}
	in := buildInput{
		registry: newRegistry(objects.apiServices, objects.services, objects.slices, objects.endpoints, overrides),
		backends: map[backendKey]backendView{},
	}
	if in.local, err = replayLocal(r.Local); err != nil {
		return nil, err
	}
	specs := in.registry.backends()
	recorded := assign(r.Backends, in.registry)
	for _, key := range slices.SortedFunc(maps.Keys(specs), compareBackends) {
		if in.backends[key], err = replayBackend(specs[key], recorded[key], []byte(server.TrustedCA)); err != nil {
			return nil, err
		}
	}
	out := &Replay{Recording: r, Snapshot: build(in)}
	out.Snapshot.Generation = 1
	authorization, err := replayAuthorizer(server.AuthorizationModes, objects.rbac)
	if err != nil {
		return nil, err
	}
	out.Authorizer, out.authorizers = authorization.Authorizer, authorization.chain
	return out, nil
}

// replayAuthorizer decides by the recorded modes and objects.
func replayAuthorizer(values []string, objects rbac.Objects) (*authorization, error) {
	if len(values) == 0 {
		values = []string{string(AuthorizationAlwaysAllow)}
	}
	modes, err := ParseAuthorizationModes(values)
	if err != nil {
		return nil, fmt.Errorf("the recording's server.json: %w", err)
	}
	a, err := newAuthorization(modes, func(Event) {})
	if err != nil {
		return nil, err
	}
	if a.rbac != nil {
		a.rbac.Set(rbac.NewIndex(objects))
	}
	return a, nil
}

// replayObjects are the objects of a recording that decide something.
type replayObjects struct {
	apiServices []*apiregistrationv1.APIService
	services    []*corev1.Service
	slices      []*discoveryv1.EndpointSlice
	endpoints   []*corev1.Endpoints //nolint:staticcheck // see Registry
	rbac        rbac.Objects
}

// typedObjects decodes and defaults the objects. Those that decide nothing are
// left out.
func typedObjects(r *recording.Recording) (replayObjects, error) {
	var out replayObjects
	all := r.Objects
	if r.Local != nil {
		all = slices.Concat(all, r.Local.APIServices)
	}
	for _, o := range all {
		if !delegate.Scheme.Recognizes(o.Object.GroupVersionKind()) {
			continue
		}
		typed, err := typedObject(o)
		if err != nil {
			return out, err
		}
		switch t := typed.(type) {
		case *apiregistrationv1.APIService:
			out.apiServices = append(out.apiServices, t)
		case *corev1.Service:
			out.services = append(out.services, t)
		case *discoveryv1.EndpointSlice:
			out.slices = append(out.slices, t)
		case *corev1.Endpoints: //nolint:staticcheck // see Registry
			out.endpoints = append(out.endpoints, t)
		case *rbacv1.Role:
			out.rbac.Roles = append(out.rbac.Roles, t)
		case *rbacv1.ClusterRole:
			out.rbac.ClusterRoles = append(out.rbac.ClusterRoles, t)
		case *rbacv1.RoleBinding:
			out.rbac.RoleBindings = append(out.rbac.RoleBindings, t)
		case *rbacv1.ClusterRoleBinding:
			out.rbac.ClusterRoleBindings = append(out.rbac.ClusterRoleBindings, t)
		}
	}
	return out, nil
}

// typedObject gives an object as the storage would: in its type, defaulted, in the
// version that is served.
func typedObject(o manifest.Object) (runtime.Object, error) {
	gvk := o.Object.GroupVersionKind()
	typed, err := delegate.Scheme.New(gvk)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.Source, err)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object.Object, typed); err != nil {
		return nil, fmt.Errorf("%s: %s %s: %w", o.Source, gvk.Kind, o.Object.GetName(), err)
	}
	if namespaced, ok := typed.(interface {
		GetNamespace() string
		SetNamespace(string)
	}); ok && namespaced.GetNamespace() == "" && defaultsToNamespace(typed) {
		namespaced.SetNamespace("default")
	}
	delegate.Scheme.Default(typed)
	if gvk.Group == apiregistrationv1.GroupName && gvk.Version != apiregistrationv1.SchemeGroupVersion.Version {
		if typed, err = delegate.Scheme.ConvertToVersion(typed, apiregistrationv1.SchemeGroupVersion); err != nil {
			return nil, fmt.Errorf("%s: %s %s: %w", o.Source, gvk.Kind, o.Object.GetName(), err)
		}
	}
	return typed, nil
}

// defaultsToNamespace tells the namespaced kinds among those that decide, which
// a file may name no namespace for.
func defaultsToNamespace(o runtime.Object) bool {
	switch o.(type) {
	case *corev1.Service, *discoveryv1.EndpointSlice, *corev1.Endpoints, *rbacv1.Role, *rbacv1.RoleBinding: //nolint:staticcheck // see Registry
		return true
	}
	return false
}

// RecordLocal returns what kagg's own local APIs say, for a recording that lacks
// them. It starts them for the time of the call, in memory, with a state folder of
// its own below folder, which is the caller's to remove.
func RecordLocal(ctx context.Context, folder string) (*recording.Local, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a, err := Start(ctx, Config{StateDir: folder})
	if err != nil {
		return nil, err
	}
	defer a.Wait()
	defer cancel()
	r, err := a.Record(ctx, RecordOptions{V3: true})
	if err != nil {
		return nil, err
	}
	return r.Local, nil
}
