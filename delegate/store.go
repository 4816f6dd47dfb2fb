package delegate

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/cacher"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// store is the REST storage of one row.
type store struct {
	*genericregistry.Store
	row *row
}

var (
	_ rest.StandardStorage    = &store{}
	_ rest.ShortNamesProvider = &store{}
	_ rest.CategoriesProvider = &store{}
)

// ShortNames implements rest.ShortNamesProvider.
func (s *store) ShortNames() []string { return s.row.short }

// Categories implements rest.CategoriesProvider.
func (s *store) Categories() []string { return s.row.categories }

func newStore(r *row, options generic.RESTOptionsGetter) (*store, error) {
	how := newStrategy(r)
	s := &genericregistry.Store{
		NewFunc:                   r.newObject,
		NewListFunc:               r.newList,
		DefaultQualifiedResource:  r.gv.WithResource(r.resource).GroupResource(),
		SingularQualifiedResource: r.gv.WithResource(r.singularName()).GroupResource(),
		CreateStrategy:            how,
		UpdateStrategy:            how,
		DeleteStrategy:            how,
		ResetFieldsStrategy:       how,
		TableConvertor:            newTableConvertor(r),
	}
	if err := s.CompleteWithOptions(&generic.StoreOptions{RESTOptions: options, AttrFunc: r.attributes}); err != nil {
		return nil, fmt.Errorf("building the store of %s: %w", s.DefaultQualifiedResource, err)
	}
	// What is owned by a deleted object follows it: see package garbagecollector.
	s.EnableGarbageCollection = true
	return &store{Store: s, row: r}, nil
}

// attributes are what an object's labels and fields are to a selector.
func (r *row) attributes(obj runtime.Object) (labels.Set, fields.Set, error) {
	m := metaOf(obj)
	set := make(fields.Set, 2+len(r.selectors))
	set[metav1.ObjectNameField] = m.GetName()
	if !r.cluster {
		set["metadata.namespace"] = m.GetNamespace()
	}
	for i := range r.selectors {
		set[r.selectors[i].name] = r.selectors[i].value(obj)
	}
	return m.GetLabels(), set, nil
}

// each calls look with each stored object of the namespace in ctx, "" for all: one after the other, and where it can,
// without the copies that a list is made of. look must not change or keep what it is given.
func (s *store) each(ctx context.Context, look func(runtime.Object)) error {
	if _, cached := s.Storage.Storage.(*cacher.CacheDelegator); cached {
		// A watch cache compares the attributes that it has already, and asks no predicate for an object's.
		list, err := s.ListPredicate(ctx, storage.Everything, nil)
		if err != nil {
			return err
		}
		return meta.EachListItem(list, func(obj runtime.Object) error {
			look(obj)
			return nil
		})
	}
	nothing := storage.SelectionPredicate{
		Label: labels.Nothing(),
		Field: fields.Everything(),
		GetAttrs: func(obj runtime.Object) (labels.Set, fields.Set, error) {
			look(obj)
			return nil, nil, nil
		},
	}
	_, err := s.ListPredicate(ctx, nothing, nil)
	return err
}

// statusStore is the REST storage of a row's status subresource: the same data, another strategy.
type statusStore struct{ store *genericregistry.Store }

var (
	_ rest.Patcher             = &statusStore{}
	_ rest.TableConvertor      = &statusStore{}
	_ rest.ResetFieldsStrategy = &statusStore{}
)

func newStatusStore(s *store) *statusStore {
	shared := *s.Store
	how := statusStrategy{newStrategy(s.row)}
	shared.CreateStrategy, shared.DeleteStrategy = nil, nil
	shared.UpdateStrategy, shared.ResetFieldsStrategy = how, how
	return &statusStore{store: &shared}
}

// New implements rest.Storage.
func (s *statusStore) New() runtime.Object { return s.store.New() }

// Destroy implements rest.Storage; the main resource owns the data.
func (*statusStore) Destroy() {}

// Get implements rest.Getter.
func (s *statusStore) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return s.store.Get(ctx, name, options)
}

// Update implements rest.Updater.
func (s *statusStore) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo,
	onCreate rest.ValidateObjectFunc, onUpdate rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions,
) (runtime.Object, bool, error) {
	return s.store.Update(ctx, name, info, onCreate, onUpdate, false, options)
}

// GetResetFields implements rest.ResetFieldsStrategy.
func (s *statusStore) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.store.GetResetFields()
}

// ConvertToTable implements rest.TableConvertor.
func (s *statusStore) ConvertToTable(ctx context.Context, obj, options runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, obj, options)
}
