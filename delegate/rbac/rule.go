package rbac

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Allows tells whether a rule allows a request. It behaves as RuleAllows of k8s.io/kubernetes
// (plugin/pkg/auth/authorizer/rbac). It is safe for concurrent use.
func Allows(rule *rbacv1.PolicyRule, a authorizer.Attributes) bool {
	if !listed(rule.Verbs, a.GetVerb()) {
		return false
	}
	if !a.IsResourceRequest() {
		return allowsURL(rule.NonResourceURLs, a.GetPath())
	}
	return listed(rule.APIGroups, a.GetAPIGroup()) &&
		allowsResource(rule.Resources, a.GetResource(), a.GetSubresource()) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, a.GetName()))
}

// all stands for everything in verbs, groups, resources and URLs.
const all = "*"

func listed(values []string, wanted string) bool {
	for _, v := range values {
		if v == all || v == wanted {
			return true
		}
	}
	return false
}

// allowsResource knows three forms: the resource with its subresource, "*", and "*/subresource".
func allowsResource(values []string, resource, subresource string) bool {
	for _, v := range values {
		switch {
		case v == all:
			return true
		case subresource == "":
			if v == resource {
				return true
			}
		case v == "*/"+subresource, v == resource+"/"+subresource:
			return true
		}
	}
	return false
}

func allowsURL(values []string, path string) bool {
	for _, v := range values {
		if v == all || v == path {
			return true
		}
		if strings.HasSuffix(v, all) && strings.HasPrefix(path, strings.TrimRight(v, all)) {
			return true
		}
	}
	return false
}

// describe writes a rule as errors about escalation do.
func describe(r *rbacv1.PolicyRule) string {
	var parts []string
	for _, f := range []struct {
		name   string
		values []string
	}{
		{"APIGroups", r.APIGroups},
		{"Resources", r.Resources},
		{"NonResourceURLs", r.NonResourceURLs},
		{"ResourceNames", r.ResourceNames},
		{"Verbs", r.Verbs},
	} {
		if len(f.values) > 0 {
			parts = append(parts, fmt.Sprintf("%s:%q", f.name, f.values))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
