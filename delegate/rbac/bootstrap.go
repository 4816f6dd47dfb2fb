package rbac

import (
	"bytes"
	_ "embed" // for the data
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// bootstrapYAML is written by conformance/kubernetes/bootstrap, from what k8s.io/kubernetes v1.37.2 makes
// with its default features; a test there holds the two together.
//
//go:embed bootstrap.yaml
var bootstrapYAML []byte

// Bootstrap returns the roles and bindings that a kube-apiserver v1.37 makes at its start: those of users,
// components and controllers, aggregated ClusterRoles with their rules filled in. Every call returns new
// objects. An error means that the embedded data is damaged.
func Bootstrap() (Objects, error) {
	var out Objects
	for i, doc := range bytes.Split(bootstrapYAML, []byte("\n---\n")) {
		if err := out.add(doc); err != nil {
			return Objects{}, fmt.Errorf("bootstrap roles, document %d: %w", i+1, err)
		}
	}
	for _, role := range out.ClusterRoles {
		rules, aggregated, err := Aggregate(role, out.ClusterRoles)
		if err != nil {
			return Objects{}, fmt.Errorf("bootstrap roles: %w", err)
		}
		if aggregated {
			role.Rules = rules
		}
	}
	return out, nil
}

func (o *Objects) add(doc []byte) error {
	var t metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &t); err != nil {
		return err
	}
	switch t.Kind {
	case "ClusterRole":
		return decode(doc, &o.ClusterRoles)
	case "ClusterRoleBinding":
		return decode(doc, &o.ClusterRoleBindings)
	case "Role":
		return decode(doc, &o.Roles)
	case "RoleBinding":
		return decode(doc, &o.RoleBindings)
	default:
		return fmt.Errorf("kind %q is none of RBAC's", t.Kind)
	}
}

// decode adds an object that, as any that comes from a storage, does not say what kind it is.
func decode[T any, O interface {
	*T
	runtime.Object
}](doc []byte, into *[]O) error {
	o := O(new(T))
	if err := yaml.UnmarshalStrict(doc, o); err != nil {
		return err
	}
	o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	*into = append(*into, o)
	return nil
}
