package delegate

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
)

// text is a column of strings.
func text(name string, value func(runtime.Object) any) column {
	return column{name: name, kind: "string", value: value}
}

// wide is a column of strings that only -o wide shows.
func wide(name string, value func(runtime.Object) any) column {
	return column{name: name, kind: "string", priority: 1, value: value}
}

// integer is a column of int64.
func integer(name string, value func(runtime.Object) any) column {
	return column{name: name, kind: "integer", value: value}
}

// boolean is a column of bool.
func boolean(name string, value func(runtime.Object) any) column {
	return column{name: name, kind: "boolean", value: value}
}

const (
	nameColumn    = "Name"
	ageColumn     = "Age"
	createdColumn = "Created At"
)

// age is put where Age does not come last; elsewhere it is added.
func age() column {
	return text(ageColumn, func(obj runtime.Object) any { return since(metaOf(obj).GetCreationTimestamp()) })
}

// created takes the place of Age for kinds that show a date.
func created() column {
	return column{name: createdColumn, kind: "date", value: func(obj runtime.Object) any {
		return metaOf(obj).GetCreationTimestamp().UTC().Format(time.RFC3339)
	}}
}

// name is put where the name does not come first; elsewhere it is added.
func name(priority int32) column {
	return column{name: nameColumn, kind: "string", priority: priority, value: func(obj runtime.Object) any { return metaOf(obj).GetName() }}
}

func metaOf(obj runtime.Object) metav1.Object {
	if m, err := meta.Accessor(obj); err == nil {
		return m
	}
	return &metav1.ObjectMeta{}
}

// since is a time's age in kubectl's words.
func since(t metav1.Time) string {
	if t.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(time.Since(t.Time))
}

// tableConvertor answers Accept: application/json;as=Table from a row's columns.
type tableConvertor struct {
	columns     []column
	definitions []metav1.TableColumnDefinition
}

func newTableConvertor(r *row) *tableConvertor {
	columns := r.columns
	has := func(names ...string) bool {
		for i := range columns {
			if slices.Contains(names, columns[i].name) {
				return true
			}
		}
		return false
	}
	if !has(nameColumn) {
		columns = append([]column{name(0)}, columns...)
	}
	if !r.ageless && !has(ageColumn, createdColumn, "Last Seen") {
		columns = append(slices.Clip(columns), age())
	}
	t := &tableConvertor{columns: columns}
	docs := metav1.ObjectMeta{}.SwaggerDoc()
	for i := range columns {
		d := metav1.TableColumnDefinition{
			Name: columns[i].name, Type: columns[i].kind, Priority: columns[i].priority,
			Description: columns[i].name + " of the " + r.kind() + ".",
		}
		switch d.Name {
		case nameColumn:
			d.Format, d.Description = "name", docs["name"]
		case ageColumn, createdColumn:
			d.Description = docs["creationTimestamp"]
		}
		t.definitions = append(t.definitions, d)
	}
	return t
}

// ConvertToTable implements rest.TableConvertor for an object or a list of objects.
func (t *tableConvertor) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	out := &metav1.Table{Rows: []metav1.TableRow{}}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		out.ColumnDefinitions = t.definitions
	}
	if !meta.IsListType(obj) {
		out.ResourceVersion = metaOf(obj).GetResourceVersion()
		out.Rows = append(out.Rows, t.row(obj))
		return out, nil
	}
	list, err := meta.ListAccessor(obj)
	if err != nil {
		return nil, err
	}
	out.ResourceVersion, out.Continue = list.GetResourceVersion(), list.GetContinue()
	out.RemainingItemCount = list.GetRemainingItemCount()
	err = meta.EachListItem(obj, func(item runtime.Object) error {
		out.Rows = append(out.Rows, t.row(item))
		return nil
	})
	return out, err
}

func (t *tableConvertor) row(obj runtime.Object) metav1.TableRow {
	r := metav1.TableRow{Object: runtime.RawExtension{Object: obj}, Cells: make([]any, len(t.columns))}
	for i := range t.columns {
		r.Cells[i] = t.columns[i].value(obj)
	}
	return r
}
