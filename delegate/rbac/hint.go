package rbac

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// preset is a role of every cluster that is made for a purpose; who needs its purpose should have it.
type preset struct {
	kind, name, namespace string
	fits                  func(authorizer.Attributes) bool
}

var presets = []preset{
	{"ClusterRole", "system:auth-delegator", "", func(a authorizer.Attributes) bool {
		return a.GetVerb() == "create" &&
			(a.GetAPIGroup() == "authentication.k8s.io" && a.GetResource() == "tokenreviews" ||
				a.GetAPIGroup() == "authorization.k8s.io" && a.GetResource() == "subjectaccessreviews")
	}},
	{"Role", "extension-apiserver-authentication-reader", metav1.NamespaceSystem, func(a authorizer.Attributes) bool {
		return a.GetNamespace() == metav1.NamespaceSystem && a.GetAPIGroup() == "" && a.GetResource() == "configmaps" &&
			a.GetName() == "extension-apiserver-authentication" && slices.Contains([]string{"get", "list", "watch"}, a.GetVerb())
	}},
	{"ClusterRole", "system:discovery", "", func(a authorizer.Attributes) bool {
		path := a.GetPath()
		return !a.IsResourceRequest() && a.GetVerb() == "get" &&
			(path == "/api" || path == "/apis" || strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/apis/") || strings.HasPrefix(path, "/openapi"))
	}},
	{"ClusterRole", "system:service-account-issuer-discovery", "", func(a authorizer.Attributes) bool {
		return !a.IsResourceRequest() && a.GetVerb() == "get" &&
			(strings.HasPrefix(a.GetPath(), "/.well-known/openid-configuration") || strings.HasPrefix(a.GetPath(), "/openid/v1/jwks"))
	}},
}

// Hint returns the kubectl commands, in order, that would allow a request that was refused, and little else:
// a binding of the role that every cluster has for the purpose, or a new role for just this verb on just this
// resource, and its binding. It is a pure function of the request. Who has no name and no group, and a verb
// that kubectl create role would not take for this resource, still get commands: with --dry-run they show what
// they would do.
func Hint(a authorizer.Attributes) []string {
	subject := subjectFlag(a.GetUser())
	for _, p := range presets {
		if p.fits(a) {
			return []string{bind(p.kind, p.name, p.namespace, bindingName(a.GetUser(), p.name), subject)}
		}
	}
	name := roleName(a)
	kind, within := "ClusterRole", ""
	if a.IsResourceRequest() && a.GetNamespace() != "" {
		kind, within = "Role", a.GetNamespace()
	}
	create := []string{"kubectl create", strings.ToLower(kind), quote(name)}
	if within != "" {
		create = append(create, "--namespace="+quote(within))
	}
	create = append(create, "--verb="+quote(a.GetVerb()))
	if !a.IsResourceRequest() {
		create = append(create, "--non-resource-url="+quote(a.GetPath()))
	} else {
		create = append(create, "--resource="+quote(resourceFlag(a)))
		if named(a) {
			create = append(create, "--resource-name="+quote(a.GetName()))
		}
	}
	return []string{strings.Join(create, " "), bind(kind, name, within, bindingName(a.GetUser(), name), subject)}
}

// named tells whether a rule can be about the object alone: a create has no name yet that a rule could see,
// nor has a deletecollection.
func named(a authorizer.Attributes) bool {
	return a.GetName() != "" && a.GetVerb() != "create" && a.GetVerb() != "deletecollection" ||
		a.GetName() != "" && a.GetSubresource() != "" && a.GetVerb() == "create"
}

// resourceFlag is a resource as kubectl create role reads it: resource.group/subresource.
func resourceFlag(a authorizer.Attributes) string {
	r := a.GetResource()
	if a.GetAPIGroup() != "" {
		r += "." + a.GetAPIGroup()
	}
	if a.GetSubresource() != "" {
		r += "/" + a.GetSubresource()
	}
	return r
}

func bind(kind, role, namespace, binding, subject string) string {
	if namespace == "" {
		return fmt.Sprintf("kubectl create clusterrolebinding %s --clusterrole=%s %s", quote(binding), quote(role), subject)
	}
	return fmt.Sprintf("kubectl create rolebinding %s --namespace=%s --%s=%s %s", quote(binding), quote(namespace), strings.ToLower(kind), quote(role), subject)
}

// subjectFlag names who is to get the right: the ServiceAccount or the user, or a group where there is no name.
func subjectFlag(u user.Info) string {
	if namespace, name, err := serviceaccount.SplitUsername(u.GetName()); err == nil {
		return "--serviceaccount=" + quote(namespace+":"+name)
	}
	if u.GetName() == "" && len(u.GetGroups()) > 0 {
		return "--group=" + quote(u.GetGroups()[0])
	}
	return "--user=" + quote(u.GetName())
}

func roleName(a authorizer.Attributes) string {
	if !a.IsResourceRequest() {
		return legal(strings.Trim(a.GetVerb()+"-"+strings.Trim(a.GetPath(), "/*"), "-"))
	}
	parts := []string{a.GetVerb(), a.GetResource()}
	for _, more := range []string{a.GetSubresource(), a.GetAPIGroup()} {
		if more != "" {
			parts = append(parts, more)
		}
	}
	if named(a) {
		parts = append(parts, a.GetName())
	}
	return legal(strings.Join(parts, "-"))
}

func bindingName(u user.Info, role string) string {
	who := u.GetName()
	if namespace, name, err := serviceaccount.SplitUsername(who); err == nil {
		who = namespace + "-" + name
	}
	if who == "" && len(u.GetGroups()) > 0 {
		who = u.GetGroups()[0]
	}
	return legal(who + "-" + role)
}

// legal makes a name of an object of text, without losing what tells it from another where that can be.
func legal(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.', r == ':':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, text)
	if len(name) > validation.DNS1123SubdomainMaxLength {
		name = name[:validation.DNS1123SubdomainMaxLength]
	}
	return cmp.Or(strings.Trim(name, "-.:"), "allowed")
}

// quote writes an argument so that a shell reads it back. What would not be printed as it is, and might move the
// reader's cursor, is escaped as bash, ksh and zsh read it.
func quote(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		return "$'" + escape(s) + "'"
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:/@%+=,", r)
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\\' || r == '\'':
			b.WriteRune('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			for _, c := range []byte(string(r)) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		}
	}
	return b.String()
}
