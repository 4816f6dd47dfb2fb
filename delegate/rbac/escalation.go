package rbac

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/component-helpers/auth/rbac/validation"
)

// Everything are the rules that allow everything.
var Everything = []rbacv1.PolicyRule{
	{Verbs: []string{all}, APIGroups: []string{all}, Resources: []string{all}},
	{Verbs: []string{all}, NonResourceURLs: []string{all}},
}

// CheckGrant returns an error unless a user has, in a namespace or cluster-wide where it is "", every right
// that the rules give: nobody grants what they do not have. The error lists what is lacking in the words of a
// kube-apiserver (k8s.io/kubernetes pkg/registry/rbac/validation, ConfirmNoEscalation).
func (x *Index) CheckGrant(u user.Info, namespace string, rules []rbacv1.PolicyRule) error {
	own, err := x.RulesFor(u, namespace)
	covered, lacking := validation.Covers(own, rules)
	if covered {
		return nil
	}
	var descriptions []string
	for _, r := range compact(lacking) {
		descriptions = append(descriptions, describe(&r))
	}
	slices.Sort(descriptions)
	text := fmt.Sprintf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s",
		u.GetName(), u.GetGroups(), strings.Join(slices.Compact(descriptions), "\n"))
	if err != nil {
		text += fmt.Sprintf("; resolution errors: %v", []error{err})
	}
	return fmt.Errorf("%s", text)
}

// simple identifies rules that differ in their verbs alone.
type simple struct {
	group, resource, name string
	named                 bool
}

// compact unites the verbs of rules for one resource, or one object of it.
func compact(rules []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	seen := map[simple]int{}
	for i := range rules {
		r := rules[i].DeepCopy()
		if len(r.APIGroups) != 1 || len(r.Resources) != 1 || len(r.ResourceNames) > 1 || len(r.NonResourceURLs) > 0 {
			out = append(out, *r)
			continue
		}
		key := simple{group: r.APIGroups[0], resource: r.Resources[0]}
		if len(r.ResourceNames) == 1 {
			key.name, key.named = r.ResourceNames[0], true
		}
		if at, ok := seen[key]; ok {
			out[at].Verbs = append(out[at].Verbs, r.Verbs...)
			continue
		}
		seen[key] = len(out)
		out = append(out, *r)
	}
	return out
}
