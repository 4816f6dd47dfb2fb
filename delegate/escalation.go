package delegate

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/kagg-project/kagg/delegate/rbac"
)

// guardedStore is the REST storage of a kind of RBAC that refuses what gives somebody rights which the
// writer does not have. Upstream: pkg/registry/rbac/*/policybased.
type guardedStore struct {
	*store
	// check returns an error for an object that the user of ctx may not write; old is nil on creation.
	check func(ctx context.Context, obj, old runtime.Object) error
}

// Create implements the creation of rest.StandardStorage.
func (s guardedStore) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	if err := s.check(ctx, obj, nil); err != nil {
		return nil, err
	}
	return s.store.Create(ctx, obj, validate, options)
}

// Update implements rest.Updater. What frees an object for deletion is nobody's right to gain.
func (s guardedStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo,
	onCreate rest.ValidateObjectFunc, onUpdate rest.ValidateObjectUpdateFunc, force bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	checked := rest.WrapUpdatedObjectInfo(info, func(ctx context.Context, obj, old runtime.Object) (runtime.Object, error) {
		if onlyReleases(obj, old) {
			return obj, nil
		}
		return obj, s.check(ctx, obj, old)
	})
	return s.store.Update(ctx, name, checked, onCreate, onUpdate, force, options)
}

// onlyReleases tells whether a change is one of finalizers and owners alone.
func onlyReleases(obj, old runtime.Object) bool {
	if old == nil || reflect.ValueOf(old).IsNil() {
		return false
	}
	changed := obj.DeepCopyObject()
	m, before := metaOf(changed), metaOf(old)
	m.SetOwnerReferences(before.GetOwnerReferences())
	m.SetFinalizers(before.GetFinalizers())
	m.SetManagedFields(before.GetManagedFields())
	return equality.Semantic.DeepEqual(changed, old)
}

// escalation checks writes of roles and bindings by the objects that are stored now.
type escalation struct {
	authorizer authorizer.UnconditionalAuthorizer
	store      func(resource string) *store
}

// guard puts the checks before the storages of RBAC.
func (e escalation) guard(resources map[string]rest.Storage) {
	for resource, check := range map[string]func(context.Context, runtime.Object, runtime.Object) error{
		"roles": e.role, "clusterroles": e.role, "rolebindings": e.binding, "clusterrolebindings": e.binding,
	} {
		resources[resource] = guardedStore{e.store(resource), check}
	}
}

// role lets those write a role who have all its rights or may escalate it.
func (e escalation) role(ctx context.Context, obj, old runtime.Object) error {
	u, ok := request.UserFrom(ctx)
	if ok && (privileged(u) || e.mayEscalate(ctx, u)) {
		return nil
	}
	if !ok {
		return apierrors.NewInternalError(errors.New("no user on context"))
	}
	rules, resource := rulesOf(obj)
	x, err := e.index(ctx)
	if err != nil {
		return err
	}
	namespace := request.NamespaceValue(ctx)
	if err := x.CheckGrant(u, namespace, rules); err != nil {
		return apierrors.NewForbidden(rbacv1.Resource(resource), metaOf(obj).GetName(), err)
	}
	if (gathers(obj) || gathers(old)) && x.CheckGrant(u, namespace, rbac.Everything) != nil {
		return apierrors.NewForbidden(rbacv1.Resource(resource), metaOf(obj).GetName(),
			errors.New("must have cluster-admin privileges to use the aggregationRule"))
	}
	return nil
}

// binding lets those bind a role who have all its rights or may bind it.
func (e escalation) binding(ctx context.Context, obj, _ runtime.Object) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewInternalError(errors.New("no user on context"))
	}
	if privileged(u) {
		return nil
	}
	ref, resource, namespace := rbacv1.RoleRef{}, "clusterrolebindings", metav1.NamespaceNone
	switch b := obj.(type) {
	case *rbacv1.ClusterRoleBinding:
		ref = b.RoleRef
	case *rbacv1.RoleBinding:
		// The object has no namespace of its own yet when it is created.
		ref, resource, namespace = b.RoleRef, "rolebindings", request.NamespaceValue(ctx)
	}
	if e.mayBind(ctx, u, ref, namespace) {
		return nil
	}
	x, err := e.index(ctx)
	if err != nil {
		return err
	}
	rules, err := x.Rules(ref, namespace)
	if apierrors.IsNotFound(err) {
		return apierrors.NewNotFound(rbacv1.Resource(resourceOfRole(ref.Kind)), ref.Name)
	}
	if err != nil {
		return err
	}
	if err := x.CheckGrant(u, namespace, rules); err != nil {
		return apierrors.NewForbidden(rbacv1.Resource(resource), metaOf(obj).GetName(), err)
	}
	return nil
}

func resourceOfRole(kind string) string {
	if kind == "Role" {
		return "roles"
	}
	return "clusterroles"
}

// rulesOf returns the rules of a role and its resource.
func rulesOf(obj runtime.Object) ([]rbacv1.PolicyRule, string) {
	switch r := obj.(type) {
	case *rbacv1.ClusterRole:
		return r.Rules, "clusterroles"
	case *rbacv1.Role:
		return r.Rules, "roles"
	default:
		return nil, ""
	}
}

// gathers tells whether a role is an aggregated one.
func gathers(obj runtime.Object) bool {
	r, ok := obj.(*rbacv1.ClusterRole)
	return ok && r != nil && r.AggregationRule != nil && len(r.AggregationRule.ClusterRoleSelectors) > 0
}

// privileged tells whether a user may do everything whatever the rules are.
func privileged(u user.Info) bool {
	return slices.Contains(u.GetGroups(), user.SystemPrivilegedGroup)
}

// mayEscalate asks for the verb escalate on the role of the request.
func (e escalation) mayEscalate(ctx context.Context, u user.Info) bool {
	info, ok := request.RequestInfoFrom(ctx)
	if !ok || !info.IsResourceRequest || info.APIGroup != rbacv1.GroupName || (info.Resource != "roles" && info.Resource != "clusterroles") {
		return false
	}
	return e.may(ctx, authorizer.AttributesRecord{
		User: u, Verb: "escalate", APIGroup: info.APIGroup, APIVersion: "*", Resource: info.Resource,
		Name: info.Name, Namespace: info.Namespace, ResourceRequest: true,
	})
}

// mayBind asks for the verb bind on a role, where the binding is.
func (e escalation) mayBind(ctx context.Context, u user.Info, ref rbacv1.RoleRef, namespace string) bool {
	if ref.Kind != "Role" && ref.Kind != "ClusterRole" {
		return false
	}
	return e.may(ctx, authorizer.AttributesRecord{
		User: u, Verb: "bind", APIGroup: ref.APIGroup, APIVersion: "*", Resource: resourceOfRole(ref.Kind),
		Name: ref.Name, Namespace: namespace, ResourceRequest: true,
	})
}

// may asks the authorizer; an error is a no.
func (e escalation) may(ctx context.Context, a authorizer.AttributesRecord) bool {
	decision, _, err := e.authorizer.Authorize(ctx, a)
	return err == nil && decision == authorizer.DecisionAllow
}

// index is built of what is stored now: a write that has just returned counts.
func (e escalation) index(ctx context.Context) (*rbac.Index, error) {
	var o rbac.Objects
	for resource, add := range map[string]func(runtime.Object){
		"roles":               func(l runtime.Object) { o.Roles = pointers(l.(*rbacv1.RoleList).Items) },
		"clusterroles":        func(l runtime.Object) { o.ClusterRoles = pointers(l.(*rbacv1.ClusterRoleList).Items) },
		"rolebindings":        func(l runtime.Object) { o.RoleBindings = pointers(l.(*rbacv1.RoleBindingList).Items) },
		"clusterrolebindings": func(l runtime.Object) { o.ClusterRoleBindings = pointers(l.(*rbacv1.ClusterRoleBindingList).Items) },
	} {
		list, err := e.store(resource).List(request.WithNamespace(ctx, metav1.NamespaceAll), &metainternalversion.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", resource, err)
		}
		add(list)
	}
	return rbac.NewIndex(o), nil
}

func pointers[T any](items []T) []*T {
	out := make([]*T, len(items))
	for i := range items {
		out[i] = &items[i]
	}
	return out
}

// rbacStore returns the store of a resource of rbac.authorization.k8s.io.
func (s *Server) rbacStore(resource string) *store {
	return s.stores[schema.GroupResource{Group: rbacv1.GroupName, Resource: resource}.String()]
}
