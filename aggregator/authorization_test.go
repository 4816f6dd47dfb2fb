package aggregator_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/kagg-project/kagg/aggregator"
)

// errStill tells that something is as before.
var errStill = errors.New("it is still as before")

// newRBACRig is a rig with RBAC on and a user alice, in the group developers, who comes with a token.
func newRBACRig(t *testing.T) (r *rig, admin, alice kubernetes.Interface) {
	t.Helper()
	tokens := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(tokens, []byte("alice-token,alice,1,developers\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = newRig(t, func(c *aggregator.Config) {
		c.AuthorizationModes = []aggregator.AuthorizationMode{aggregator.AuthorizationRBAC}
		c.TokenAuthFile = tokens
	})
	config := rest.AnonymousClientConfig(r.admin)
	config.BearerToken = "alice-token"
	return r, kubernetes.NewForConfigOrDie(r.admin), kubernetes.NewForConfigOrDie(config)
}

// eventually waits until do succeeds.
func eventually(t *testing.T, what string, do func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		last = do()
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, last)
	}
}

func TestRBACRefusesAndTellsHow(t *testing.T) {
	t.Parallel()
	r, admin, alice := newRBACRig(t)
	_, err := alice.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
	const want = `configmaps is forbidden: User "alice" cannot list resource "configmaps" in API group "" in the namespace "default"`
	if !apierrors.IsForbidden(err) || err.Error() != want {
		t.Fatalf("got %v\nwant %s", err, want)
	}
	r.waitEvent("authorization", "kubectl create role list-configmaps --namespace=default --verb=list --resource=configmaps\n"+
		"kubectl create rolebinding alice-list-configmaps --namespace=default --role=list-configmaps --user=alice")
	for range 3 {
		if _, err := alice.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
			t.Fatal(err)
		}
	}
	if n := r.countEvents("authorization", "configmaps"); n != 1 {
		t.Errorf("one denial was told %d times", n)
	}

	// What the hint says, by hand.
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "list-configmaps"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"configmaps"}}}}
	if _, err := admin.RbacV1().Roles("default").Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "alice-list-configmaps"}, RoleRef: rbacv1.RoleRef{Kind: "Role", Name: "list-configmaps"},
		Subjects: []rbacv1.Subject{{Kind: "User", Name: "alice"}},
	}
	if _, err := admin.RbacV1().RoleBindings("default").Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "alice lists what she was given", func() error {
		_, err := alice.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
		return err
	})
	if _, err := alice.CoreV1().ConfigMaps("kube-system").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("another namespace: %v", err)
	}
	if err := admin.RbacV1().RoleBindings("default").Delete(t.Context(), binding.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "alice loses it", func() error {
		if _, err := alice.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
			return errStill
		}
		return nil
	})
}

func TestRBACAnswersReviews(t *testing.T) {
	t.Parallel()
	r, admin, alice := newRBACRig(t)
	rules, err := alice.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(),
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "default"}}, metav1.CreateOptions{})
	if err != nil || rules.Status.Incomplete || len(rules.Status.NonResourceRules) == 0 {
		t.Fatalf("rules of an authenticated user: %+v, %v", rules, err)
	}
	review, err := admin.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: "bob", ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Group: "wardle.example.com", Resource: "flunders", Namespace: "default", Name: "x"},
	}}, metav1.CreateOptions{})
	if err != nil || review.Status.Allowed || review.Status.Denied {
		t.Fatalf("a user without rights: %+v, %v", review, err)
	}
	r.waitEvent("authorization", "kubectl create rolebinding bob-get-flunders-wardle.example.com-x --namespace=default")
}

func TestRBACKeepsFromEscalating(t *testing.T) {
	t.Parallel()
	_, admin, alice := newRBACRig(t)
	editor := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "role-editor"}, Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"*"}, APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles", "clusterrolebindings"}, ResourceNames: []string{"unused"}},
		{Verbs: []string{"create", "update", "get"}, APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles", "clusterrolebindings"}},
	}}
	if _, err := admin.RbacV1().ClusterRoles().Create(t.Context(), editor, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	give := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "alice"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "role-editor"}, Subjects: []rbacv1.Subject{{Kind: "Group", Name: "developers"}}}
	if _, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), give, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "alice edits roles", func() error {
		_, err := alice.RbacV1().ClusterRoles().Get(t.Context(), "view", metav1.GetOptions{})
		return err
	})
	greedy := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "greedy"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"secrets"}}}}
	_, err := alice.RbacV1().ClusterRoles().Create(t.Context(), greedy, metav1.CreateOptions{})
	const want = `clusterroles.rbac.authorization.k8s.io "greedy" is forbidden: user "alice" (groups=["developers" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}`
	if !apierrors.IsForbidden(err) || err.Error() != want {
		t.Errorf("a role with more rights:\n%v\nwant\n%s", err, want)
	}
	bind := give.DeepCopy()
	bind.Name, bind.RoleRef.Name = "more", "view"
	if _, err := alice.RbacV1().ClusterRoleBindings().Create(t.Context(), bind, metav1.CreateOptions{}); !apierrors.IsForbidden(err) {
		t.Errorf("a binding with more rights: %v", err)
	}
	bind.RoleRef.Name = "missing"
	if _, err := alice.RbacV1().ClusterRoleBindings().Create(t.Context(), bind, metav1.CreateOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a binding of a role that does not exist: %v", err)
	}
	own := greedy.DeepCopy()
	own.Name, own.Rules[0] = "own", rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}}
	if _, err := alice.RbacV1().ClusterRoles().Create(t.Context(), own, metav1.CreateOptions{}); err != nil {
		t.Errorf("a role with rights that she has: %v", err)
	}
	gather := own.DeepCopy()
	gather.Name, gather.AggregationRule = "gather", &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{}}}
	if _, err := alice.RbacV1().ClusterRoles().Create(t.Context(), gather, metav1.CreateOptions{}); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "must have cluster-admin privileges to use the aggregationRule") {
		t.Errorf("an aggregated role: %v", err)
	}
}

func TestRBACFollowsAggregatedRoles(t *testing.T) {
	t.Parallel()
	_, admin, _ := newRBACRig(t)
	part := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "view-things", Labels: map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"}},
		Rules:      []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{"example.com"}, Resources: []string{"things"}}},
	}
	if _, err := admin.RbacV1().ClusterRoles().Create(t.Context(), part, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, whole := range []string{"view", "edit", "admin"} {
		eventually(t, whole+" has the rule", func() error {
			role, err := admin.RbacV1().ClusterRoles().Get(t.Context(), whole, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, rule := range role.Rules {
				if strings.Join(rule.APIGroups, "") == "example.com" {
					return nil
				}
			}
			return errStill
		})
	}
}

func TestRBACLetsStrangersSeeHealth(t *testing.T) {
	t.Parallel()
	r, _, _ := newRBACRig(t)
	client, err := rest.HTTPClientFor(rest.AnonymousClientConfig(r.admin))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/readyz": http.StatusOK, "/version": http.StatusOK, "/api": http.StatusUnauthorized} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.admin.Host+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}
