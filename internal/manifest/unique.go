package manifest

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// identity is what makes two documents stand for one object, whatever version each is written in.
type identity struct {
	schema.GroupKind
	namespace, name string
}

// identityOf takes no namespace for "default", as a server does for kinds that have namespaces.
func identityOf(o Object) identity {
	id := identity{o.Object.GroupVersionKind().GroupKind(), o.Object.GetNamespace(), o.Object.GetName()}
	if id.namespace == "" {
		id.namespace = "default"
	}
	return id
}

// unique reports the objects that are in places already, puts the others there, and returns those.
func unique(objects []Object, places map[identity]Source, r *report) []Object {
	kept := make([]Object, 0, len(objects))
	for _, o := range objects {
		id := identityOf(o)
		first, taken := places[id]
		if !taken {
			places[id] = o.Source
			kept = append(kept, o)
			continue
		}
		name := o.Object.GetName()
		if ns := o.Object.GetNamespace(); ns != "" {
			name = ns + "/" + name
		}
		r.errs = append(r.errs, &Error{
			File: o.Source.File, Line: o.Source.Line, Field: "metadata.name",
			Message: fmt.Sprintf("%s %q is defined already at %s", id.Kind, name, first),
			Mend:    "remove one of the two",
		})
	}
	return kept
}
