// Package policy reads the roles and bindings that k8s.io/kubernetes makes at the start of a kube-apiserver.
package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac/bootstrappolicy"
)

// Objects returns all of them: cluster roles, their bindings, roles, their bindings.
func Objects() []runtime.Object {
	var out []runtime.Object
	for _, o := range slices.Concat(bootstrappolicy.ClusterRoles(), bootstrappolicy.ControllerRoles()) {
		out = append(out, &o)
	}
	for _, o := range slices.Concat(bootstrappolicy.ClusterRoleBindings(), bootstrappolicy.ControllerRoleBindings()) {
		out = append(out, &o)
	}
	roles := bootstrappolicy.NamespaceRoles()
	for _, namespace := range slices.Sorted(maps.Keys(roles)) {
		for _, o := range roles[namespace] {
			out = append(out, &o)
		}
	}
	bindings := bootstrappolicy.NamespaceRoleBindings()
	for _, namespace := range slices.Sorted(maps.Keys(bindings)) {
		for _, o := range bindings[namespace] {
			out = append(out, &o)
		}
	}
	return out
}

// YAML writes every object as a document, a rule and a subject a line.
func YAML() (string, error) {
	var b strings.Builder
	for i, o := range Objects() {
		if i > 0 {
			b.WriteString("---\n")
		}
		if err := write(&b, o); err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func write(b *strings.Builder, o runtime.Object) error {
	var meta metav1.ObjectMeta
	var kind string
	var lists map[string][]any
	single := map[string]any{}
	switch o := o.(type) {
	case *rbacv1.ClusterRole:
		meta, kind, lists = o.ObjectMeta, "ClusterRole", map[string][]any{"rules": anys(o.Rules)}
		if o.AggregationRule != nil {
			single["aggregationRule"] = o.AggregationRule
		}
	case *rbacv1.Role:
		meta, kind, lists = o.ObjectMeta, "Role", map[string][]any{"rules": anys(o.Rules)}
	case *rbacv1.ClusterRoleBinding:
		meta, kind, lists = o.ObjectMeta, "ClusterRoleBinding", map[string][]any{"subjects": anys(o.Subjects)}
		single["roleRef"] = o.RoleRef
	case *rbacv1.RoleBinding:
		meta, kind, lists = o.ObjectMeta, "RoleBinding", map[string][]any{"subjects": anys(o.Subjects)}
		single["roleRef"] = o.RoleRef
	}
	b.WriteString("kind: " + kind + "\n")
	single["metadata"] = map[string]any{"name": meta.Name, "namespace": meta.Namespace, "labels": meta.Labels, "annotations": meta.Annotations}
	for _, key := range slices.Sorted(maps.Keys(single)) {
		data, err := compact(single[key])
		if err != nil {
			return err
		}
		b.WriteString(key + ": " + data + "\n")
	}
	for _, key := range slices.Sorted(maps.Keys(lists)) {
		if len(lists[key]) == 0 {
			continue
		}
		b.WriteString(key + ":\n")
		for _, item := range lists[key] {
			data, err := compact(item)
			if err != nil {
				return err
			}
			b.WriteString("- " + data + "\n")
		}
	}
	return nil
}

func anys[T any](items []T) []any {
	out := make([]any, 0, len(items))
	for _, item := range items {
		out = append(out, item)
	}
	return out
}

// compact is JSON without empty fields.
func compact(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		return "", err
	}
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil || v == "" })
	data, err = json.Marshal(m)
	return string(data), err
}
