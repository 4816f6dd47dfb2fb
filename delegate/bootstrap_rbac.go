package delegate

import (
	"context"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
	"k8s.io/component-helpers/auth/rbac/reconciliation"

	"github.com/kagg-project/kagg/delegate/rbac"
)

// EnsureRBAC makes the roles and bindings exist that a kube-apiserver with RBAC makes at its start, and gives
// those that exist what they lack of it, unless their annotation rbac.authorization.kubernetes.io/autoupdate
// is "false". It is called after Start. One object's error does not keep the others from being made.
func (s *Server) EnsureRBAC(ctx context.Context) error {
	o, err := rbac.Bootstrap()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(s.client)
	if err != nil {
		return err
	}
	var errs []error
	for _, role := range o.ClusterRoles {
		reconcile := reconciliation.ReconcileRoleOptions{
			Role:   reconciliation.ClusterRoleRuleOwner{ClusterRole: ungathered(role)},
			Client: reconciliation.ClusterRoleModifier{Client: client.RbacV1().ClusterRoles()}, Confirm: true,
		}
		errs = append(errs, s.ensureOr(ctx, "clusterroles", role, func() error { _, err := reconcile.Run(); return err }))
	}
	for _, role := range o.Roles {
		reconcile := reconciliation.ReconcileRoleOptions{
			Role:   reconciliation.RoleRuleOwner{Role: role},
			Client: reconciliation.RoleModifier{Client: client.RbacV1(), NamespaceClient: client.CoreV1().Namespaces()}, Confirm: true,
		}
		errs = append(errs, s.ensureOr(ctx, "roles", role, func() error { _, err := reconcile.Run(); return err }))
	}
	for _, binding := range o.ClusterRoleBindings {
		reconcile := reconciliation.ReconcileRoleBindingOptions{
			RoleBinding: reconciliation.ClusterRoleBindingAdapter{ClusterRoleBinding: binding},
			Client:      reconciliation.ClusterRoleBindingClientAdapter{Client: client.RbacV1().ClusterRoleBindings()}, Confirm: true,
		}
		errs = append(errs, s.ensureOr(ctx, "clusterrolebindings", binding, func() error { _, err := reconcile.Run(); return err }))
	}
	for _, binding := range o.RoleBindings {
		reconcile := reconciliation.ReconcileRoleBindingOptions{
			RoleBinding: reconciliation.RoleBindingAdapter{RoleBinding: binding},
			Client:      reconciliation.RoleBindingClientAdapter{Client: client.RbacV1(), NamespaceClient: client.CoreV1().Namespaces()}, Confirm: true,
		}
		errs = append(errs, s.ensureOr(ctx, "rolebindings", binding, func() error { _, err := reconcile.Run(); return err }))
	}
	return errors.Join(errs...)
}

// ensureOr creates an object as ensure does, and reconciles it where it exists: of an empty storage, which is
// the common case, nothing is read.
func (s *Server) ensureOr(ctx context.Context, resource string, obj runtime.Object, reconcile func() error) error {
	within := request.WithNamespace(ctx, metaOf(obj).GetNamespace())
	Scheme.Default(obj)
	_, err := s.rbacStore(resource).Create(within, obj.DeepCopyObject(), rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		// Another process on the same storage may write at the same time.
		err = retry.OnError(retry.DefaultBackoff, apierrors.IsConflict, reconcile)
	}
	if err != nil {
		return fmt.Errorf("making the bootstrap object %s %s: %w", resource, metaOf(obj).GetName(), err)
	}
	return nil
}

// ungathered is a ClusterRole without the rules that aggregation gives it: they follow those of others.
func ungathered(role *rbacv1.ClusterRole) *rbacv1.ClusterRole {
	if role.AggregationRule == nil {
		return role
	}
	out := role.DeepCopy()
	out.Rules = nil
	return out
}
