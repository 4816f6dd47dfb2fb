package orchard

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	metatable "k8s.io/apimachinery/pkg/api/meta/table"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kagg-project/kagg/internal/demo/orchard/hub"
)

// tableConvertor makes the table that kubectl get prints.
type tableConvertor struct{}

// ConvertToTable turns an apple or a list of them into a table. Column
// definitions are left out when the client says that it has them.
func (tableConvertor) ConvertToTable(_ context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		table.ColumnDefinitions = []metav1.TableColumnDefinition{
			{Name: "Name", Type: "string", Format: "name", Description: "The name of the apple."},
			{Name: "Variety", Type: "string", Description: "The kind of apple."},
			{Name: "Ripe", Type: "boolean", Description: "Whether it may be picked."},
			{Name: "Phase", Type: "string", Description: "What became of it."},
			{Name: "Age", Type: "string", Description: "How long ago it was made."},
		}
	}
	if m, err := meta.ListAccessor(obj); err == nil {
		table.ResourceVersion = m.GetResourceVersion()
		table.Continue = m.GetContinue()
		table.RemainingItemCount = m.GetRemainingItemCount()
	} else if m, err := meta.CommonAccessor(obj); err == nil {
		table.ResourceVersion = m.GetResourceVersion()
	}

	var err error
	table.Rows, err = metatable.MetaToTableRow(obj, func(obj runtime.Object, _ metav1.Object, name, age string) ([]any, error) {
		apple := obj.(*hub.Apple)
		return []any{name, apple.Spec.Variety, apple.Spec.Ripe, apple.Status.Phase, age}, nil
	})
	return table, err
}
