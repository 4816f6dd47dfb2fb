package manifest

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// refused reports whether an apiVersion is one that a kube-apiserver no longer serves.
func refused(gv schema.GroupVersion) bool {
	return gv.Group == apiregistration.GroupName && gv.Version == "v1beta1"
}

// identify reads apiVersion and kind. implied is taken for what is missing, if it is given.
func (d *decoder) identify(doc *value, at string, implied schema.GroupVersionKind, r *report) (schema.GroupVersionKind, bool) {
	before := len(r.errs)
	apiVersion, kind := d.identifier(doc, at, "apiVersion", r), d.identifier(doc, at, "kind", r)
	if !implied.Empty() {
		if doc.get("apiVersion") == nil {
			apiVersion = implied.GroupVersion().String()
		}
		if doc.get("kind") == nil {
			kind = implied.Kind
		}
	}
	gv, err := schema.ParseGroupVersion(apiVersion)
	if err != nil {
		line, _ := doc.find("apiVersion")
		r.add(line, join(at, "apiVersion"), fmt.Sprintf("%q is no <group>/<version>", shorten(apiVersion)),
			didYouMean(apiVersion, d.kinds.apiVersions(), `write "apiVersion: <group>/<version>"`))
	}
	if apiVersion == "" && doc.get("apiVersion") == nil {
		mend := `write "apiVersion: <group>/<version>"`
		if versions := d.kinds.apiVersionsOf(kind); len(versions) > 0 {
			mend = lineFor("apiVersion", versions)
		}
		r.add(doc.firstLine(), join(at, "apiVersion"), "missing", mend)
	}
	if kind == "" && doc.get("kind") == nil {
		mend := `write "kind: <Kind>"`
		if apiVersion != "" && err == nil {
			mend = lineFor("kind", d.kinds.kindsOf(gv))
		}
		r.add(doc.firstLine(), join(at, "kind"), "missing", mend)
	}
	return gv.WithKind(kind), len(r.errs) == before
}

// identifier reads a key that must be a string with something in it, if it is there.
func (d *decoder) identifier(doc *value, at, key string, r *report) string {
	m := doc.get(key)
	if m == nil {
		return ""
	}
	s := doc.text(key)
	if s == "" {
		r.add(m.line, join(at, key), "wanted a string, found "+m.value.describe(), `write "`+key+`: " and a name`)
	}
	return s
}

// known reports whether objects of this kind may be given, and if not, what was probably meant.
func (d *decoder) known(doc *value, at string, gvk schema.GroupVersionKind, r *report) bool {
	versionLine, _ := doc.find("apiVersion")
	kindLine, _ := doc.find("kind")
	if refused(gvk.GroupVersion()) {
		r.add(versionLine, join(at, "apiVersion"), gvk.GroupVersion().String()+" is no longer served",
			lineFor("apiVersion", []string{apiregistrationv1.SchemeGroupVersion.String()}))
		return false
	}
	if d.kinds.has(gvk) {
		return true
	}
	if versions := d.kinds.apiVersionsOf(gvk.Kind); len(versions) > 0 {
		r.add(versionLine, join(at, "apiVersion"), fmt.Sprintf("the kind %s is not served in %s", gvk.Kind, gvk.GroupVersion()),
			lineFor("apiVersion", versions))
		return false
	}
	kinds := d.kinds.kindsOf(gvk.GroupVersion())
	r.add(kindLine, join(at, "kind"), fmt.Sprintf("the kind %s of %s is not served", shorten(gvk.Kind), shorten(gvk.GroupVersion().String())),
		didYouMean(gvk.Kind, kinds, "remove the object, or write one of the kinds that are served: "+some(kinds)))
	return false
}

// some lists the first few of many names.
func some(names []string) string {
	const most = 8
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// checkName reports a metadata.name that is missing or can be no part of a URL path. Whether there is
// a name at all is returned.
func checkName(doc *value, at string, r *report) bool {
	namePath := join(at, "metadata.name")
	line, _ := doc.find("metadata.name")
	if m := doc.get("metadata"); m != nil {
		if n := m.value.get("name"); n != nil && n.value.bad || m.value.bad {
			return false
		}
	}
	var name string
	if m := doc.get("metadata"); m != nil {
		name = m.value.text("name")
	}
	if name == "" {
		r.add(line, namePath, "missing", `write "name: <name>" under metadata`)
		return false
	}
	for _, problem := range content.IsPathSegmentName(name) {
		r.add(line, namePath, fmt.Sprintf("%q %s", shorten(name), problem), "write another name")
	}
	return true
}
