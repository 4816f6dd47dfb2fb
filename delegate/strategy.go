package delegate

import (
	"context"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// strategy is how a row's objects are created, updated and deleted.
type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	row *row
}

var (
	_ rest.CreateUpdateResetFieldsStrategy = strategy{}
	_ rest.RESTDeleteStrategy              = strategy{}
	_ rest.RESTGracefulDeleteStrategy      = strategy{}
	_ rest.GarbageCollectionDeleteStrategy = strategy{}
	_ rest.UpdateResetFieldsStrategy       = statusStrategy{}
)

func newStrategy(r *row) strategy {
	return strategy{ObjectTyper: Scheme, NameGenerator: names.SimpleNameGenerator, row: r}
}

// NamespaceScoped implements rest.NamespaceScopedStrategy.
func (s strategy) NamespaceScoped() bool { return !s.row.cluster }

// AllowCreateOnUpdate implements rest.RESTUpdateStrategy.
func (s strategy) AllowCreateOnUpdate(context.Context) bool { return s.row.createOnUpdate }

// AllowUnconditionalUpdate implements rest.RESTUpdateStrategy.
func (s strategy) AllowUnconditionalUpdate(context.Context) bool { return !s.row.preconditioned }

// CheckGracefulDelete implements rest.RESTGracefulDeleteStrategy.
func (s strategy) CheckGracefulDelete(_ context.Context, obj runtime.Object, options *metav1.DeleteOptions) bool {
	return s.row.grace != nil && s.row.grace(obj, options)
}

// DefaultGarbageCollectionPolicy implements rest.GarbageCollectionDeleteStrategy.
func (s strategy) DefaultGarbageCollectionPolicy(context.Context) rest.GarbageCollectionPolicy {
	if s.row.dependents == "" {
		return rest.DeleteDependents
	}
	return s.row.dependents
}

// Canonicalize implements rest.RESTCreateStrategy; nothing is left to do.
func (strategy) Canonicalize(runtime.Object) {}

// WarningsOnCreate implements rest.RESTCreateStrategy.
func (strategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }

// WarningsOnUpdate implements rest.RESTUpdateStrategy.
func (strategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

// PrepareForCreate drops a status that the client sent and starts the generation.
func (s strategy) PrepareForCreate(ctx context.Context, obj runtime.Object) {
	if s.row.status && !s.row.born {
		statusOf(obj).SetZero()
	}
	if s.row.generation {
		metaOf(obj).SetGeneration(1)
	}
	if s.row.prepare != nil {
		s.row.prepare(obj, nil)
	}
	if s.row.stamp != nil {
		s.row.stamp(ctx, obj)
	}
}

// PrepareForUpdate keeps the status and counts the generation.
func (s strategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	if s.row.status {
		statusOf(obj).Set(statusOf(old))
	}
	if s.row.prepare != nil {
		s.row.prepare(obj, old)
	}
	if s.row.generation {
		countGeneration(obj, old)
	}
}

// countGeneration adds one where an update changes what is wanted.
func countGeneration(obj, old runtime.Object) {
	generation := metaOf(old).GetGeneration()
	if desiredChanged(obj, old) {
		generation++
	}
	metaOf(obj).SetGeneration(generation)
}

// Validate implements rest.RESTCreateStrategy.
func (s strategy) Validate(_ context.Context, obj runtime.Object) field.ErrorList {
	errs := validation.ValidateObjectMetaAccessor(metaOf(obj), !s.row.cluster, s.row.nameValidator(), field.NewPath("metadata"))
	errs = append(errs, validateFinalizers(metaOf(obj).GetFinalizers())...)
	if s.row.validate != nil {
		errs = append(errs, s.row.validate(obj, nil)...)
	}
	return errs
}

// ValidateUpdate implements rest.RESTUpdateStrategy.
func (s strategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	errs := validation.ValidateObjectMetaAccessorUpdate(metaOf(obj), metaOf(old), field.NewPath("metadata"))
	if s.row.validate != nil {
		errs = append(errs, s.row.validate(obj, old)...)
	}
	return errs
}

// GetResetFields tells server-side apply which fields a write to the main resource does not own.
func (s strategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	if !s.row.status {
		return nil
	}
	return s.row.resetFields(fieldpath.MakePathOrDie("status"))
}

// resetFields are the same paths in each version.
func (r *row) resetFields(paths ...fieldpath.Path) map[fieldpath.APIVersion]*fieldpath.Set {
	out := map[fieldpath.APIVersion]*fieldpath.Set{fieldpath.APIVersion(r.gv.String()): fieldpath.NewSet(paths...)}
	for i := range r.also {
		out[fieldpath.APIVersion(r.also[i].gv.String())] = fieldpath.NewSet(paths...)
	}
	return out
}

// statusStrategy is how a row's status is updated.
type statusStrategy struct{ strategy }

// AllowCreateOnUpdate is always false: a status belongs to an object that exists.
func (statusStrategy) AllowCreateOnUpdate(context.Context) bool { return false }

// PrepareForUpdate keeps everything but metadata and status.
func (s statusStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	into, from := reflect.ValueOf(obj).Elem(), reflect.ValueOf(old).Elem()
	for i := range into.NumField() {
		switch into.Type().Field(i).Name {
		case "TypeMeta", "ObjectMeta", "Status":
		default:
			into.Field(i).Set(from.Field(i))
		}
	}
	metaOf(obj).SetGeneration(metaOf(old).GetGeneration())
	metaOf(obj).SetOwnerReferences(metaOf(old).GetOwnerReferences())
	if s.row.prepareStatus != nil {
		s.row.prepareStatus(obj, old)
	}
}

func (statusStrategy) validateMeta(obj, old runtime.Object) field.ErrorList {
	return validation.ValidateObjectMetaAccessorUpdate(metaOf(obj), metaOf(old), field.NewPath("metadata"))
}

// ValidateUpdate checks the metadata, and little else of what a controller reports.
func (s statusStrategy) ValidateUpdate(_ context.Context, obj, old runtime.Object) field.ErrorList {
	errs := s.validateMeta(obj, old)
	if s.row.validateStatus != nil {
		errs = append(errs, s.row.validateStatus(obj, old)...)
	}
	return errs
}

// GetResetFields tells server-side apply which fields a write to the status does not own.
func (s statusStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.row.resetFields(fieldpath.MakePathOrDie("spec"))
}

// statusOf is the Status field; a test holds that each row with a status has one.
func statusOf(obj runtime.Object) reflect.Value {
	return reflect.ValueOf(obj).Elem().FieldByName("Status")
}

// desiredChanged compares everything but metadata and status.
func desiredChanged(obj, old runtime.Object) bool {
	a, b := reflect.ValueOf(obj).Elem(), reflect.ValueOf(old).Elem()
	for i := range a.NumField() {
		switch a.Type().Field(i).Name {
		case "TypeMeta", "ObjectMeta", "Status":
		default:
			if !equality.Semantic.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
				return true
			}
		}
	}
	return false
}
