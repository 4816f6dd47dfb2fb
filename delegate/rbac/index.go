package rbac

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
)

// Objects are all that decides. Their order does not matter; two of one kind, namespace and name must not be
// among them.
type Objects struct {
	Roles               []*rbacv1.Role
	ClusterRoles        []*rbacv1.ClusterRole
	RoleBindings        []*rbacv1.RoleBinding
	ClusterRoleBindings []*rbacv1.ClusterRoleBinding
}

// Index answers by subject and namespace. It never changes; it shares the objects that it was made of, which
// must not change either. It is safe for concurrent use.
type Index struct {
	roles map[rbacv1.RoleRef]map[string][]rbacv1.PolicyRule // by role, then namespace
	// bound are the grants of one scope: "" is that of ClusterRoleBindings.
	bound map[string]subjects
}

// subjects are the grants of users, ServiceAccounts under their user names, and groups.
type subjects struct{ users, groups map[string][]*grant }

// grant is what a binding gives one of its subjects.
type grant struct {
	// order is the place of the binding and of the subject in it.
	order, subject int
	kind, binding  string
	to             string
	ref            rbacv1.RoleRef
	rules          []rbacv1.PolicyRule
	// missing is set in place of rules when there is no such role.
	missing error
}

// String says by what a grant allows, in the words of a kube-apiserver.
func (g *grant) String() string {
	return fmt.Sprintf("%s %q of %s %q to %s", g.kind, g.binding, g.ref.Kind, g.ref.Name, g.to)
}

// NewIndex builds the index of the objects.
func NewIndex(o Objects) *Index {
	x := &Index{roles: map[rbacv1.RoleRef]map[string][]rbacv1.PolicyRule{}, bound: map[string]subjects{}}
	for _, r := range o.ClusterRoles {
		x.addRole("ClusterRole", r.Name, "", r.Rules)
	}
	for _, r := range o.Roles {
		x.addRole("Role", r.Name, r.Namespace, r.Rules)
	}
	bindings := slices.SortedFunc(slices.Values(o.ClusterRoleBindings), func(a, b *rbacv1.ClusterRoleBinding) int {
		return strings.Compare(a.Name, b.Name)
	})
	for i, b := range bindings {
		x.addBinding(i, "ClusterRoleBinding", b.Name, "", b.RoleRef, b.Subjects)
	}
	namespaced := slices.SortedFunc(slices.Values(o.RoleBindings), func(a, b *rbacv1.RoleBinding) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	for i, b := range namespaced {
		x.addBinding(i, "RoleBinding", b.Name+"/"+b.Namespace, b.Namespace, b.RoleRef, b.Subjects)
	}
	return x
}

func roleKey(kind, name string) rbacv1.RoleRef { return rbacv1.RoleRef{Kind: kind, Name: name} }

func (x *Index) addRole(kind, name, namespace string, rules []rbacv1.PolicyRule) {
	key := roleKey(kind, name)
	if x.roles[key] == nil {
		x.roles[key] = map[string][]rbacv1.PolicyRule{}
	}
	x.roles[key][namespace] = rules
}

// addBinding gives each subject its grant. A subject that is named twice has it once, from its first place.
func (x *Index) addBinding(order int, kind, name, namespace string, ref rbacv1.RoleRef, list []rbacv1.Subject) {
	rules, missing := x.Rules(ref, namespace)
	to, ok := x.bound[namespace]
	if !ok {
		to = subjects{users: map[string][]*grant{}, groups: map[string][]*grant{}}
		x.bound[namespace] = to
	}
	for i := range list {
		g := &grant{order: order, subject: i, kind: kind, binding: name, ref: ref, rules: rules, missing: missing}
		switch s := &list[i]; s.Kind {
		case rbacv1.UserKind:
			g.to = fmt.Sprintf("%s %q", s.Kind, s.Name)
			to.users[s.Name] = append(to.users[s.Name], g)
		case rbacv1.GroupKind:
			g.to = fmt.Sprintf("%s %q", s.Kind, s.Name)
			to.groups[s.Name] = append(to.groups[s.Name], g)
		case rbacv1.ServiceAccountKind:
			within := cmp.Or(s.Namespace, namespace)
			if within == "" {
				continue
			}
			g.to = fmt.Sprintf("%s %q", s.Kind, s.Name+"/"+within)
			username := serviceaccount.MakeUsername(within, s.Name)
			to.users[username] = append(to.users[username], g)
		}
	}
}

// Rules returns the rules of the role that a binding in a namespace refers to; the namespace of a
// ClusterRoleBinding is "". A role that does not exist is a NotFound error in the words of a kube-apiserver.
func (x *Index) Rules(ref rbacv1.RoleRef, namespace string) ([]rbacv1.PolicyRule, error) {
	switch ref.Kind {
	case "ClusterRole":
		namespace = ""
	case "Role":
	default:
		return nil, fmt.Errorf("unsupported role reference kind: %q", ref.Kind)
	}
	rules, ok := x.roles[roleKey(ref.Kind, ref.Name)][namespace]
	if !ok {
		return nil, apierrors.NewNotFound(rbacv1.Resource(strings.ToLower(ref.Kind)), ref.Name)
	}
	return rules, nil
}

// RulesFor returns the rules that a user has in a namespace, or cluster-wide where it is "". Bindings of the
// cluster come first, each kind by name. Roles that are missing make an error beside the rules of the others.
func (x *Index) RulesFor(u user.Info, namespace string) ([]rbacv1.PolicyRule, error) {
	var rules []rbacv1.PolicyRule
	var errs []error
	for _, g := range x.grants(u, namespace) {
		rules = append(rules, g.rules...)
		if g.missing != nil {
			errs = append(errs, g.missing)
		}
	}
	return rules, errors.Join(errs...)
}

// grants lists what applies to a user, a binding once.
func (x *Index) grants(u user.Info, namespace string) []*grant {
	out := x.bound[""].of(u)
	if namespace != "" {
		out = append(out, x.bound[namespace].of(u)...)
	}
	return out
}

func (s subjects) of(u user.Info) []*grant {
	out := slices.Clone(s.users[u.GetName()])
	for _, group := range u.GetGroups() {
		out = append(out, s.groups[group]...)
	}
	slices.SortFunc(out, func(a, b *grant) int { return cmp.Or(a.order-b.order, a.subject-b.subject) })
	return slices.CompactFunc(out, func(a, b *grant) bool { return a.order == b.order })
}
