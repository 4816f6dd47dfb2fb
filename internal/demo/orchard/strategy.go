package orchard

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/kagg-project/kagg/internal/demo/orchard/hub"
)

// strategy holds the rules for writing an apple: what is reset, what is refused.
type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
}

func newStrategy(typer runtime.ObjectTyper) strategy {
	return strategy{ObjectTyper: typer, NameGenerator: names.SimpleNameGenerator}
}

// NamespaceScoped is true: an apple lives in a namespace.
func (strategy) NamespaceScoped() bool { return true }

// GetResetFields says what a write to the apple itself never changes, so that
// server-side apply does not give anybody ownership of it.
func (strategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return resetFields("status")
}

// PrepareForCreate starts every apple as a growing one.
func (strategy) PrepareForCreate(_ context.Context, obj runtime.Object) {
	obj.(*hub.Apple).Status = hub.AppleStatus{Phase: hub.PhaseGrowing}
}

// PrepareForUpdate keeps the status: it is written through its subresource only.
func (strategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	obj.(*hub.Apple).Status = old.(*hub.Apple).Status
}

// Validate refuses an apple without a variety.
func (strategy) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	return validateApple(obj.(*hub.Apple))
}

// ValidateUpdate holds an updated apple to what holds for a new one.
func (strategy) ValidateUpdate(_ context.Context, obj, _ runtime.Object) field.ErrorList {
	return validateApple(obj.(*hub.Apple))
}

// WarningsOnCreate warns of nothing.
func (strategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }

// WarningsOnUpdate warns of nothing.
func (strategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

// AllowCreateOnUpdate is false: a PUT of an apple that does not exist is a 404.
func (strategy) AllowCreateOnUpdate(context.Context) bool { return false }

// AllowUnconditionalUpdate is true: a PUT without a resourceVersion overwrites.
func (strategy) AllowUnconditionalUpdate(context.Context) bool { return true }

// Canonicalize changes nothing: an apple has one way to be written.
func (strategy) Canonicalize(runtime.Object) {}

// statusStrategy is the rules for writing the status subresource.
type statusStrategy struct{ strategy }

// GetResetFields says what a write to the status never changes.
func (statusStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return resetFields("spec")
}

// PrepareForUpdate keeps everything but the status.
func (statusStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	obj.(*hub.Apple).Spec = old.(*hub.Apple).Spec
}

// resetFields is the same top-level field in both versions.
func resetFields(name string) map[fieldpath.APIVersion]*fieldpath.Set {
	return map[fieldpath.APIVersion]*fieldpath.Set{
		hub.GroupName + "/v1":      fieldpath.NewSet(fieldpath.MakePathOrDie(name)),
		hub.GroupName + "/v1beta1": fieldpath.NewSet(fieldpath.MakePathOrDie(name)),
	}
}

func validateApple(apple *hub.Apple) field.ErrorList {
	var errs field.ErrorList
	if apple.Spec.Variety == "" {
		// The two versions name the field differently and validation sees the hub.
		errs = append(errs, field.Required(field.NewPath("spec", "variety"), "say which apple it is (v1beta1 calls it cultivar)"))
	}
	phases := []string{hub.PhaseGrowing, hub.PhasePicked}
	if p := apple.Status.Phase; p != hub.PhaseGrowing && p != hub.PhasePicked {
		errs = append(errs, field.NotSupported(field.NewPath("status", "phase"), p, phases))
	}
	return errs
}

// matchApple selects apples by label and by metadata field.
func matchApple(label labels.Selector, fld fields.Selector) storage.SelectionPredicate {
	return storage.SelectionPredicate{Label: label, Field: fld, GetAttrs: appleAttrs}
}

func appleAttrs(obj runtime.Object) (labels.Set, fields.Set, error) {
	apple, ok := obj.(*hub.Apple)
	if !ok {
		return nil, nil, fmt.Errorf("%T is not an apple", obj)
	}
	return labels.Set(apple.Labels), generic.ObjectMetaFieldsSet(&apple.ObjectMeta, true), nil
}
