package rbac

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func rule(verbs, groups, resources []string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: verbs, APIGroups: groups, Resources: resources, ResourceNames: names}
}

func clusterRole(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

func bound(name, namespace, kind, role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role}, Subjects: subjects,
	}
}

func boundEverywhere(name, role string, subjects ...rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}, Subjects: subjects,
	}
}

func subject(kind, name string) rbacv1.Subject { return rbacv1.Subject{Kind: kind, Name: name} }

// cluster has a role or a binding of every form.
func cluster() Objects {
	return Objects{
		ClusterRoles: []*rbacv1.ClusterRole{
			clusterRole("reader", rule([]string{"get", "list"}, []string{"example.com"}, []string{"things", "things/log"})),
			clusterRole("scaler", rule([]string{"*"}, []string{"*"}, []string{"*/scale"})),
			clusterRole("one", rule([]string{"update"}, []string{""}, []string{"configmaps"}, "settings")),
			clusterRole("paths", rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics", "/logs/*"}}),
		},
		Roles: []*rbacv1.Role{{
			ObjectMeta: metav1.ObjectMeta{Name: "local", Namespace: "here"},
			Rules:      []rbacv1.PolicyRule{rule([]string{"create"}, []string{""}, []string{"secrets"})},
		}},
		ClusterRoleBindings: []*rbacv1.ClusterRoleBinding{
			boundEverywhere("readers", "reader", subject(rbacv1.GroupKind, "devs"), subject(rbacv1.UserKind, "ann")),
			boundEverywhere("scalers", "scaler", subject(rbacv1.UserKind, "ann")),
			boundEverywhere("paths", "paths", subject(rbacv1.UserKind, "ann")),
			boundEverywhere("gone", "gone", subject(rbacv1.UserKind, "bob")),
			boundEverywhere("no-namespace", "reader", subject(rbacv1.ServiceAccountKind, "robot")),
		},
		RoleBindings: []*rbacv1.RoleBinding{
			bound("one", "here", "ClusterRole", "one", subject(rbacv1.UserKind, "ann")),
			bound("robots", "here", "Role", "local", subject(rbacv1.ServiceAccountKind, "robot")),
			bound("elsewhere", "there", "Role", "local", subject(rbacv1.UserKind, "ann")),
		},
	}
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	ann := &user.DefaultInfo{Name: "ann", Groups: []string{"devs"}}
	bob := &user.DefaultInfo{Name: "bob"}
	robot := &user.DefaultInfo{Name: "system:serviceaccount:here:robot"}
	on := func(u user.Info, verb, group, resource, subresource, namespace, name string) authorizer.AttributesRecord {
		return authorizer.AttributesRecord{User: u, Verb: verb, APIGroup: group, Resource: resource, Subresource: subresource, Namespace: namespace, Name: name, ResourceRequest: true}
	}
	path := func(verb, path string) authorizer.AttributesRecord {
		return authorizer.AttributesRecord{User: ann, Verb: verb, Path: path}
	}
	for name, c := range map[string]struct {
		asked  authorizer.AttributesRecord
		reason string
		want   authorizer.Decision
	}{
		"first subject of the binding": {on(ann, "get", "example.com", "things", "", "any", "x"), `RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "devs"`, authorizer.DecisionAllow},
		"subresource":                  {on(ann, "get", "example.com", "things", "log", "", "x"), `RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "devs"`, authorizer.DecisionAllow},
		"other subresource":            {on(ann, "get", "example.com", "things", "exec", "", "x"), "", authorizer.DecisionNoOpinion},
		"any scale":                    {on(ann, "patch", "apps", "deployments", "scale", "x", "y"), `RBAC: allowed by ClusterRoleBinding "scalers" of ClusterRole "scaler" to User "ann"`, authorizer.DecisionAllow},
		"scale is no resource":         {on(ann, "patch", "apps", "scale", "", "x", "y"), "", authorizer.DecisionNoOpinion},
		"other group":                  {on(ann, "get", "other.com", "things", "", "", ""), "", authorizer.DecisionNoOpinion},
		"by name":                      {on(ann, "update", "", "configmaps", "", "here", "settings"), `RBAC: allowed by RoleBinding "one/here" of ClusterRole "one" to User "ann"`, authorizer.DecisionAllow},
		"other name":                   {on(ann, "update", "", "configmaps", "", "here", "others"), "", authorizer.DecisionNoOpinion},
		"other namespace":              {on(ann, "update", "", "configmaps", "", "there", "settings"), `RBAC: role.rbac.authorization.k8s.io "local" not found`, authorizer.DecisionNoOpinion},
		"cluster scope":                {on(ann, "update", "", "configmaps", "", "", "settings"), "", authorizer.DecisionNoOpinion},
		"account of the namespace":     {on(robot, "create", "", "secrets", "", "here", ""), `RBAC: allowed by RoleBinding "robots/here" of Role "local" to ServiceAccount "robot/here"`, authorizer.DecisionAllow},
		"account without a namespace":  {on(robot, "get", "example.com", "things", "", "here", ""), "", authorizer.DecisionNoOpinion},
		"missing role":                 {on(bob, "get", "", "pods", "", "", ""), `RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found`, authorizer.DecisionNoOpinion},
		"path":                         {path("get", "/metrics"), `RBAC: allowed by ClusterRoleBinding "paths" of ClusterRole "paths" to User "ann"`, authorizer.DecisionAllow},
		"below a path":                 {path("get", "/logs/a/b"), `RBAC: allowed by ClusterRoleBinding "paths" of ClusterRole "paths" to User "ann"`, authorizer.DecisionAllow},
		"above a path":                 {path("get", "/logs"), "", authorizer.DecisionNoOpinion},
		"other verb on a path":         {path("post", "/metrics"), "", authorizer.DecisionNoOpinion},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &Authorizer{}
			a.Set(NewIndex(cluster()))
			decision, reason, err := a.Authorize(t.Context(), c.asked)
			if err != nil || decision != c.want || reason != c.reason {
				t.Errorf("got %v, %q, %v; want %v, %q", decision, reason, err, c.want, c.reason)
			}
		})
	}
}

func TestZeroAuthorizerKnowsNothing(t *testing.T) {
	t.Parallel()
	decision, reason, err := (&Authorizer{}).Authorize(t.Context(), authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "ann"}, Verb: "get"})
	if decision != authorizer.DecisionNoOpinion || reason != "" || err != nil {
		t.Errorf("got %v, %q, %v", decision, reason, err)
	}
}

func TestAggregate(t *testing.T) {
	t.Parallel()
	get := rule([]string{"get"}, []string{""}, []string{"pods"})
	list := rule([]string{"list"}, []string{""}, []string{"pods"})
	part := func(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
		r := clusterRole(name, rules...)
		r.Labels = map[string]string{"to": "whole"}
		return r
	}
	whole := part("whole", list)
	whole.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"to": "whole"}}}}
	rules, aggregated, err := Aggregate(whole, []*rbacv1.ClusterRole{part("b", get, list), whole, part("a", list), clusterRole("other", get)})
	if err != nil || !aggregated {
		t.Fatal(aggregated, err)
	}
	if diff := cmp.Diff([]rbacv1.PolicyRule{list, get}, rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if Aggregated(whole, rules) {
		t.Error("rules that differ count as aggregated")
	}
	if _, aggregated, _ := Aggregate(part("plain"), nil); aggregated {
		t.Error("a ClusterRole without an aggregationRule is aggregated")
	}
	whole.AggregationRule.ClusterRoleSelectors[0].MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near"}}
	if _, _, err := Aggregate(whole, nil); err == nil {
		t.Error("a selector that cannot be read is no error")
	}
}

func TestCheckGrant(t *testing.T) {
	t.Parallel()
	x := NewIndex(cluster())
	ann := &user.DefaultInfo{Name: "ann", Groups: []string{"devs"}}
	if err := x.CheckGrant(ann, "", []rbacv1.PolicyRule{rule([]string{"get"}, []string{"example.com"}, []string{"things"})}); err != nil {
		t.Errorf("a right that is held: %v", err)
	}
	err := x.CheckGrant(ann, "", []rbacv1.PolicyRule{
		rule([]string{"get", "delete"}, []string{"example.com"}, []string{"things"}),
		rule([]string{"create"}, []string{""}, []string{"pods"}),
		rule([]string{"patch"}, []string{"example.com"}, []string{"things"}),
	})
	want := `user "ann" (groups=["devs"]) is attempting to grant RBAC permissions not currently held:
{APIGroups:[""], Resources:["pods"], Verbs:["create"]}
{APIGroups:["example.com"], Resources:["things"], Verbs:["delete" "patch"]}`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
