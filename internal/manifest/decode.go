package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration/install"
)

// decoder reads objects from the content of files. It does not change, and touches no file.
type decoder struct {
	kinds      *kindTable
	serializer *kjson.Serializer
	// registration has the types and defaults of apiregistration.k8s.io, whatever Options.Scheme has.
	registration *runtime.Scheme
	validate     func(runtime.Object) field.ErrorList
	others       bool
}

func newDecoder(o Options) *decoder {
	registration := runtime.NewScheme()
	install.Install(registration)
	scheme := o.Scheme
	if scheme == nil {
		scheme = registration
	}
	return &decoder{
		kinds:        newKindTable(scheme),
		serializer:   kjson.NewSerializerWithOptions(kjson.DefaultMetaFactory, scheme, scheme, kjson.SerializerOptions{Strict: true}),
		registration: registration,
		validate:     o.Validate,
		others:       o.Others,
	}
}

// decode reads all objects of one file. If there are errors, the objects are those that are good.
func (d *decoder) decode(file string, data []byte) ([]Object, []*Error) {
	r := &report{file: file}
	var objects []Object
	for _, doc := range readDocuments(file, data, r) {
		objects = d.document(objects, doc, "", schema.GroupVersionKind{}, r)
	}
	objects = unique(objects, map[identity]Source{}, r)
	return objects, r.sorted()
}

// readDocuments reads JSON where the content or the name says so, YAML otherwise.
func readDocuments(file string, data []byte, r *report) []*value {
	if !utf8.Valid(data) {
		valid := bytes.ToValidUTF8(data, nil)
		line := 1
		for i := range data {
			if i >= len(valid) || data[i] != valid[i] {
				break
			}
			if data[i] == '\n' {
				line++
			}
		}
		r.add(line, "", "not UTF-8 text", "save the file as UTF-8")
		return nil
	}
	if strings.EqualFold(filepath.Ext(file), ".json") {
		return readJSON(data, r)
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		// YAML's flow mappings begin so, too: only what reads as JSON is JSON.
		attempt := &report{file: file}
		docs := readJSON(data, attempt)
		if len(attempt.errs) == 0 {
			return docs
		}
	}
	return readYAML(data, r)
}

// document appends to objects those of one document: itself, or the items of a list. implied is the
// kind of an item of a typed list, which need not say it.
func (d *decoder) document(objects []Object, doc *value, path string, implied schema.GroupVersionKind, r *report) []Object {
	if doc.kind != kindObject {
		r.add(doc.line, path, "wanted an object, found "+doc.describe(), "write apiVersion, kind and metadata; separate objects with a line ---")
		return objects
	}
	before := len(r.errs)
	gvk, ok := d.identify(doc, path, implied, r)
	if !ok {
		return objects
	}
	item, isTyped := d.kinds.itemKind(gvk)
	if isTyped || gvk.GroupKind() == (schema.GroupKind{Kind: "List"}) {
		return d.list(objects, doc, path, item, r)
	}
	if d.foreign(gvk) {
		return d.foreignObjects(objects, doc, path, gvk, r)
	}
	if !d.known(doc, path, gvk, r) {
		return objects
	}
	d.check(doc, path, gvk, r)
	if len(r.errs) > before || doc.anyBad() {
		return objects
	}
	return append(objects, asObject(doc, gvk, r))
}

// list appends the objects in the items of a list.
func (d *decoder) list(objects []Object, doc *value, path string, item schema.GroupVersionKind, r *report) []Object {
	for _, f := range doc.fields {
		switch f.name {
		case "apiVersion", "kind", "metadata":
		case "items":
			itemsPath := join(path, "items")
			if f.value.kind != kindList && f.value.kind != kindNull {
				r.add(f.line, itemsPath, "wanted a list, found "+f.value.describe(), "write a list of objects")
			}
			for i, v := range f.value.items {
				objects = d.document(objects, v, fmt.Sprintf("%s[%d]", itemsPath, i), item, r)
			}
		default:
			r.add(f.line, join(path, f.name), "unknown field of a list", didYouMean(f.name, []string{"apiVersion", "kind", "metadata", "items"}, "remove it"))
		}
	}
	return objects
}

// check reports all that is wrong with an object of a known kind.
func (d *decoder) check(doc *value, path string, gvk schema.GroupVersionKind, r *report) {
	(&typeChecker{report: r}).check(doc, d.kinds.scheme.AllKnownTypes()[gvk], path, doc.firstLine())
	named := checkName(doc, path, r)

	object, err := d.typed(doc, gvk)
	if err != nil {
		r.add(doc.firstLine(), path, err.Error(), "correct the object")
		return
	}
	v := validator{report: r, doc: doc, path: path, structureBad: doc.anyBad(), named: named}
	if isAPIService(gvk.GroupKind()) {
		d.checkAPIService(object, v)
	}
	if d.validate != nil && !v.structureBad && named {
		v.addAll(d.validate(object), generalMend)
	}
}

// typed decodes the good parts of a document by the scheme, and defaults the result.
func (d *decoder) typed(doc *value, gvk schema.GroupVersionKind) (runtime.Object, error) {
	content, _ := doc.plain().(map[string]any)
	typeMeta := metav1.TypeMeta{}
	typeMeta.SetGroupVersionKind(gvk)
	content["apiVersion"], content["kind"] = typeMeta.APIVersion, typeMeta.Kind
	data, err := json.Marshal(content)
	if err != nil {
		return nil, fmt.Errorf("encode as JSON: %w", err)
	}
	object, _, err := d.serializer.Decode(data, nil, nil)
	if err != nil {
		return nil, err
	}
	d.kinds.scheme.Default(object)
	return object, nil
}
