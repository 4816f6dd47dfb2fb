package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"

	"github.com/kagg-project/kagg/delegate/rbac"
)

// TestBootstrap holds what kagg makes at its start to what a kube-apiserver makes.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	ours, err := rbac.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]runtime.Object{}, map[string]runtime.Object{}
	for _, o := range Objects() {
		want[key(t, o)] = o
	}
	if len(want) < 100 {
		t.Fatalf("a kube-apiserver makes %d objects: they were not found", len(want))
	}
	for _, o := range ours.ClusterRoles {
		// The rules of these are gathered by a controller in a cluster.
		if o.AggregationRule != nil {
			o.Rules = nil
		}
		got[key(t, o)] = o
	}
	for _, o := range ours.Roles {
		got[key(t, o)] = o
	}
	for _, o := range ours.ClusterRoleBindings {
		got[key(t, o)] = o
	}
	for _, o := range ours.RoleBindings {
		got[key(t, o)] = o
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b map[string]string) bool { return cmp.Equal(a, b) || len(a)+len(b) == 0 })); diff != "" {
		t.Errorf("objects (-kube-apiserver +kagg); go run ./bootstrap writes delegate/rbac/bootstrap.yaml anew:\n%s", diff)
	}
}

// TestNothingToMigrate finds what a later release may split or gather anew.
func TestNothingToMigrate(t *testing.T) {
	t.Parallel()
	if n := len(bootstrappolicy.ClusterRolesToAggregate()); n != 3 {
		t.Errorf("%d ClusterRoles were made aggregated ones: look at what a storage of an older release needs", n)
	}
}

func key(t *testing.T, o runtime.Object) string {
	t.Helper()
	switch o := o.(type) {
	case *rbacv1.ClusterRole:
		return "ClusterRole/" + o.Name
	case *rbacv1.Role:
		return "Role/" + o.Namespace + "/" + o.Name
	case *rbacv1.ClusterRoleBinding:
		return "ClusterRoleBinding/" + o.Name
	case *rbacv1.RoleBinding:
		return "RoleBinding/" + o.Namespace + "/" + o.Name
	default:
		t.Fatalf("a %T is none of RBAC's kinds", o)
		return ""
	}
}
