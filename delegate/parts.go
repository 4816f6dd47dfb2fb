package delegate

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// part is a subresource beside status that writes one part of the object, and nothing else of it.
type part struct {
	name string // as in "pods/resize"
	// prepare makes obj, which a client sent, the old object with the part changed.
	prepare func(obj, old runtime.Object)
	// validate checks what the change leaves, beside the metadata. Default: nothing is wrong.
	validate func(obj, old runtime.Object) field.ErrorList
	// reset are the fields that server-side apply through the subresource does not own.
	reset []fieldpath.Path
}

// partStrategy is how a part of a row's objects is updated.
type partStrategy struct {
	statusStrategy
	part *part
}

// PrepareForUpdate keeps everything but the part.
func (s partStrategy) PrepareForUpdate(_ context.Context, obj, old runtime.Object) {
	s.part.prepare(obj, old)
	if s.row.generation {
		countGeneration(obj, old)
	}
}

// ValidateUpdate implements rest.RESTUpdateStrategy.
func (s partStrategy) ValidateUpdate(ctx context.Context, obj, old runtime.Object) field.ErrorList {
	errs := s.validateMeta(obj, old)
	if s.part.validate != nil {
		errs = append(errs, s.part.validate(obj, old)...)
	}
	return errs
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (s partStrategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.row.resetFields(s.part.reset...)
}

// newPartStore is the REST storage of a part.
func newPartStore(s *store, p *part) *statusStore {
	shared := *s.Store
	how := partStrategy{statusStrategy{newStrategy(s.row)}, p}
	shared.CreateStrategy, shared.DeleteStrategy = nil, nil
	shared.UpdateStrategy, shared.ResetFieldsStrategy = how, how
	return &statusStore{store: &shared}
}

// keepMeta leaves of the metadata that a client sends with a part only what a status may change too.
func keepMeta(obj, old runtime.Object) {
	m, before := metaOf(obj), metaOf(old)
	m.SetDeletionTimestamp(before.GetDeletionTimestamp())
	m.SetDeletionGracePeriodSeconds(before.GetDeletionGracePeriodSeconds())
	m.SetGeneration(before.GetGeneration())
	m.SetSelfLink(before.GetSelfLink())
	m.SetLabels(before.GetLabels())
	m.SetAnnotations(before.GetAnnotations())
	m.SetFinalizers(before.GetFinalizers())
	m.SetOwnerReferences(before.GetOwnerReferences())
}
