package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/kubernetes/pkg/registry/rbac/validation"
	rbacauthorizer "k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac"
	"pgregory.net/rapid"

	"github.com/kagg-project/kagg/delegate/rbac"
)

// The words that everything random is made of: few, so that rules and questions meet.
var (
	verbs      = []string{"get", "list", "create", "*", "escalate"}
	groups     = []string{"", "apps", "example.com", "*"}
	resources  = []string{"pods", "pods/log", "things", "*/scale", "things/scale", "*", "scale"}
	urls       = []string{"/metrics", "/logs/*", "/logs/a", "*", "/lo*", "/"}
	names      = []string{"", "one", "two"}
	namespaces = []string{"", "here", "there"}
	people     = []string{"ann", "bob", "system:serviceaccount:here:robot", "system:serviceaccount:there:robot"}
	teams      = []string{"devs", "ops", "system:authenticated"}
	roleNames  = []string{"a", "b", "c"}
)

func some(words []string) *rapid.Generator[[]string] {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 0, 3, rapid.ID)
}

func drawRule(t *rapid.T) rbacv1.PolicyRule {
	if rapid.Bool().Draw(t, "url") {
		return rbacv1.PolicyRule{Verbs: some(verbs).Draw(t, "verbs"), NonResourceURLs: some(urls).Draw(t, "urls")}
	}
	return rbacv1.PolicyRule{
		Verbs: some(verbs).Draw(t, "verbs"), APIGroups: some(groups).Draw(t, "groups"),
		Resources: some(resources).Draw(t, "resources"), ResourceNames: some(names).Draw(t, "names"),
	}
}

func drawSubject(t *rapid.T) rbacv1.Subject {
	switch kind := rapid.SampledFrom([]string{rbacv1.UserKind, rbacv1.GroupKind, rbacv1.ServiceAccountKind, "Other"}).Draw(t, "kind"); kind {
	case rbacv1.GroupKind:
		return rbacv1.Subject{Kind: kind, Name: rapid.SampledFrom(teams).Draw(t, "team")}
	case rbacv1.ServiceAccountKind:
		return rbacv1.Subject{Kind: kind, Name: "robot", Namespace: rapid.SampledFrom(namespaces).Draw(t, "account's namespace")}
	default:
		return rbacv1.Subject{Kind: kind, Name: rapid.SampledFrom(people).Draw(t, "user")}
	}
}

// drawObjects draws at most one object of each name: the real one's reasons follow the order of its lists.
func drawObjects(t *rapid.T) rbac.Objects {
	var o rbac.Objects
	rules := rapid.SliceOfN(rapid.Custom(drawRule), 0, 3)
	subjects := rapid.SliceOfN(rapid.Custom(drawSubject), 0, 4)
	ref := func(kinds ...string) rbacv1.RoleRef {
		return rbacv1.RoleRef{Kind: rapid.SampledFrom(kinds).Draw(t, "role's kind"), Name: rapid.SampledFrom(roleNames).Draw(t, "role's name")}
	}
	for _, name := range some(roleNames).Draw(t, "cluster roles") {
		o.ClusterRoles = append(o.ClusterRoles, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules.Draw(t, "rules")})
	}
	for _, name := range slices.Sorted(slices.Values(some(roleNames).Draw(t, "cluster bindings"))) {
		o.ClusterRoleBindings = append(o.ClusterRoleBindings, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: ref("ClusterRole", "ClusterRole", "Odd"), Subjects: subjects.Draw(t, "subjects"),
		})
	}
	for _, namespace := range namespaces[1:] {
		for _, name := range some(roleNames).Draw(t, "roles") {
			o.Roles = append(o.Roles, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Rules: rules.Draw(t, "rules")})
		}
		for _, name := range slices.Sorted(slices.Values(some(roleNames).Draw(t, "bindings"))) {
			o.RoleBindings = append(o.RoleBindings, &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, RoleRef: ref("ClusterRole", "Role"), Subjects: subjects.Draw(t, "subjects"),
			})
		}
	}
	return o
}

func drawQuestion(t *rapid.T) authorizer.AttributesRecord {
	a := authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: rapid.SampledFrom(people).Draw(t, "who"), Groups: some(teams).Draw(t, "their groups")},
		Verb: rapid.SampledFrom(verbs[:3]).Draw(t, "verb"),
	}
	if rapid.Bool().Draw(t, "about a path") {
		a.Path = rapid.SampledFrom([]string{"/metrics", "/logs/a", "/logs", "/", "/other"}).Draw(t, "path")
		return a
	}
	a.ResourceRequest = true
	a.APIGroup = rapid.SampledFrom(groups[:3]).Draw(t, "group")
	a.Resource = rapid.SampledFrom([]string{"pods", "things", "scale"}).Draw(t, "resource")
	a.Subresource = rapid.SampledFrom([]string{"", "log", "scale"}).Draw(t, "subresource")
	a.Namespace = rapid.SampledFrom(namespaces).Draw(t, "namespace")
	a.Name = rapid.SampledFrom(names).Draw(t, "name")
	return a
}

// lists are the objects as the real authorizer reads them.
type lists struct{ rbac.Objects }

func (l lists) GetRole(_ context.Context, namespace, name string) (*rbacv1.Role, error) {
	for _, r := range l.Roles {
		if r.Namespace == namespace && r.Name == name {
			return r, nil
		}
	}
	return nil, apierrors.NewNotFound(rbacv1.Resource("role"), name)
}

func (l lists) GetClusterRole(_ context.Context, name string) (*rbacv1.ClusterRole, error) {
	for _, r := range l.ClusterRoles {
		if r.Name == name {
			return r, nil
		}
	}
	return nil, apierrors.NewNotFound(rbacv1.Resource("clusterrole"), name)
}

func (l lists) ListRoleBindings(_ context.Context, namespace string) ([]*rbacv1.RoleBinding, error) {
	var out []*rbacv1.RoleBinding
	for _, b := range l.RoleBindings {
		if b.Namespace == namespace {
			out = append(out, b)
		}
	}
	return out, nil
}

func (l lists) ListClusterRoleBindings(context.Context) ([]*rbacv1.ClusterRoleBinding, error) {
	return l.ClusterRoleBindings, nil
}

// TestAuthorizer asks both authorizers the same questions about the same random objects.
func TestAuthorizer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := drawObjects(t)
		real := rbacauthorizer.New(lists{o}, lists{o}, lists{o}, lists{o})
		ours := &rbac.Authorizer{}
		ours.Set(rbac.NewIndex(o))
		for range 20 {
			q := drawQuestion(t)
			wantDecision, wantReason, wantErr := real.Authorize(t.Context(), q)
			decision, reason, err := ours.Authorize(t.Context(), q)
			if got, want := fmt.Sprint(decision, reason, err), fmt.Sprint(wantDecision, wantReason, wantErr); got != want {
				t.Fatalf("%+v: kagg %s, the real one %s", q, got, want)
			}
			wantRules, wantOthers, wantIncomplete, wantErr := real.RulesFor(t.Context(), q.User, q.Namespace)
			rules, others, incomplete, err := ours.RulesFor(t.Context(), q.User, q.Namespace)
			if diff := cmp.Diff(wantRules, rules); diff != "" {
				t.Fatalf("rules of %v (-real +kagg):\n%s", q.User, diff)
			}
			if diff := cmp.Diff(wantOthers, others); diff != "" {
				t.Fatalf("rules of %v about paths (-real +kagg):\n%s", q.User, diff)
			}
			if incomplete != wantIncomplete || (err == nil) != (wantErr == nil) {
				t.Fatalf("incomplete %v, %v; want %v, %v", incomplete, err, wantIncomplete, wantErr)
			}
		}
	})
}

// TestEscalation asks both whether a user may grant random rules.
func TestEscalation(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := drawObjects(t)
		real := validation.NewDefaultRuleResolver(lists{o}, lists{o}, lists{o}, lists{o})
		q := drawQuestion(t)
		rules := rapid.SliceOfN(rapid.Custom(drawRule), 0, 3).Draw(t, "granted")
		ctx := request.WithNamespace(request.WithUser(t.Context(), q.User), q.Namespace)
		want := validation.ConfirmNoEscalation(ctx, real, rules)
		got := rbac.NewIndex(o).CheckGrant(q.User, q.Namespace, rules)
		// What could not be resolved is listed in either's own form.
		text := func(err error) string {
			before, _, _ := strings.Cut(fmt.Sprint(err), "; resolution errors")
			return before
		}
		if text(got) != text(want) {
			t.Fatalf("kagg: %v\nthe real one: %v", got, want)
		}
	})
}
