package delegate

import (
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func rbacRows() []row {
	gv := rbacv1.SchemeGroupVersion
	return []row{
		{
			gv: gv, object: &rbacv1.Role{}, list: &rbacv1.RoleList{}, resource: "roles",
			createOnUpdate: true, name: pathSegment, columns: []column{created()},
		},
		{
			gv: gv, object: &rbacv1.ClusterRole{}, list: &rbacv1.ClusterRoleList{}, resource: "clusterroles",
			cluster: true, createOnUpdate: true, name: pathSegment, columns: []column{created()},
		},
		{
			gv: gv, object: &rbacv1.RoleBinding{}, list: &rbacv1.RoleBindingList{}, resource: "rolebindings",
			createOnUpdate: true, name: pathSegment,
			defaults: defaulting(func(b *rbacv1.RoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) }),
			validate: checking(func(b, old *rbacv1.RoleBinding) field.ErrorList {
				if old == nil {
					return validateBinding(b.RoleRef, nil, b.Subjects)
				}
				return validateBinding(b.RoleRef, &old.RoleRef, b.Subjects)
			}),
			columns: bindingColumns(
				func(b *rbacv1.RoleBinding) rbacv1.RoleRef { return b.RoleRef },
				func(b *rbacv1.RoleBinding) []rbacv1.Subject { return b.Subjects }),
		},
		{
			gv: gv, object: &rbacv1.ClusterRoleBinding{}, list: &rbacv1.ClusterRoleBindingList{}, resource: "clusterrolebindings",
			cluster: true, createOnUpdate: true, name: pathSegment,
			defaults: defaulting(func(b *rbacv1.ClusterRoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) }),
			validate: checking(func(b, old *rbacv1.ClusterRoleBinding) field.ErrorList {
				if old == nil {
					return validateBinding(b.RoleRef, nil, b.Subjects)
				}
				return validateBinding(b.RoleRef, &old.RoleRef, b.Subjects)
			}),
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

func validateBinding(ref rbacv1.RoleRef, old *rbacv1.RoleRef, subjects []rbacv1.Subject) field.ErrorList {
	var errs field.ErrorList
	at := field.NewPath("roleRef")
	if ref.Kind != "Role" && ref.Kind != "ClusterRole" {
		errs = append(errs, field.NotSupported(at.Child("kind"), ref.Kind, []string{"Role", "ClusterRole"}))
	}
	if ref.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	}
	if old != nil {
		errs = append(errs, validation.ValidateImmutableField(ref, *old, at)...)
	}
	for i := range subjects {
		subject, at := &subjects[i], field.NewPath("subjects").Index(i)
		if subject.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		switch subject.Kind {
		case rbacv1.UserKind, rbacv1.GroupKind, rbacv1.ServiceAccountKind:
		default:
			errs = append(errs, field.NotSupported(at.Child("kind"), subject.Kind,
				[]string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
		}
	}
	return errs
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
