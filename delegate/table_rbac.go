package delegate

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

func rbacRows() []row {
	gv := rbacv1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &rbacv1.Role{}, list: &rbacv1.RoleList{}, resource: "roles",
			createOnUpdate: true, name: pathSegment, columns: []column{created()}, validate: checking(validateRole),
		},
		{
			gv: gv, object: &rbacv1.ClusterRole{}, list: &rbacv1.ClusterRoleList{}, resource: "clusterroles",
			cluster: true, createOnUpdate: true, name: pathSegment, columns: []column{created()}, validate: checking(validateClusterRole),
		},
		{
			gv: gv, object: &rbacv1.RoleBinding{}, list: &rbacv1.RoleBindingList{}, resource: "rolebindings",
			createOnUpdate: true, name: pathSegment,
			defaults: defaulting(func(b *rbacv1.RoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) }),
			validate: checking(validateRoleBinding),
			columns: bindingColumns(
				func(b *rbacv1.RoleBinding) rbacv1.RoleRef { return b.RoleRef },
				func(b *rbacv1.RoleBinding) []rbacv1.Subject { return b.Subjects }),
		},
		{
			gv: gv, object: &rbacv1.ClusterRoleBinding{}, list: &rbacv1.ClusterRoleBindingList{}, resource: "clusterrolebindings",
			cluster: true, createOnUpdate: true, name: pathSegment,
			defaults: defaulting(func(b *rbacv1.ClusterRoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) }),
			validate: checking(validateClusterRoleBinding),
			columns: bindingColumns(
				func(b *rbacv1.ClusterRoleBinding) rbacv1.RoleRef { return b.RoleRef },
				func(b *rbacv1.ClusterRoleBinding) []rbacv1.Subject { return b.Subjects }),
		},
	}
}

func defaultBinding(ref *rbacv1.RoleRef, subjects []rbacv1.Subject) {
	setDefault(&ref.APIGroup, rbacv1.GroupName)
	for i := range subjects {
		if subjects[i].Kind == rbacv1.UserKind || subjects[i].Kind == rbacv1.GroupKind {
			setDefault(&subjects[i].APIGroup, rbacv1.GroupName)
		}
	}
}

func bindingColumns[T any](ref func(*T) rbacv1.RoleRef, subjects func(*T) []rbacv1.Subject) []column {
	bound := func(kind string) func(*T) any {
		return func(b *T) any {
			var names []string
			for _, s := range subjects(b) {
				switch {
				case s.Kind != kind:
				case kind == rbacv1.ServiceAccountKind:
					names = append(names, s.Namespace+"/"+s.Name)
				default:
					names = append(names, s.Name)
				}
			}
			return strings.Join(names, ", ")
		}
	}
	return []column{
		text("Role", of(func(b *T) any { return ref(b).Kind + "/" + ref(b).Name })),
		age(),
		wide("Users", of(bound(rbacv1.UserKind))),
		wide("Groups", of(bound(rbacv1.GroupKind))),
		wide("ServiceAccounts", of(bound(rbacv1.ServiceAccountKind))),
	}
}
