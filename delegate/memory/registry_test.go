package memory

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kube-aggregator/pkg/apis/apiregistration"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/apiserver/scheme"
	apiserviceetcd "k8s.io/kube-aggregator/pkg/registry/apiservice/etcd"
)

func apiregistrationCodec(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner, error) {
	return scheme.Codecs.LegacyCodec(apiregistrationv1.SchemeGroupVersion), apiregistrationv1.SchemeGroupVersion, nil
}

func apiService(name string) *apiregistration.APIService {
	return &apiregistration.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: apiregistration.APIServiceSpec{
			Group: "example.com", Version: name[:2], GroupPriorityMinimum: 100, VersionPriority: 10,
		},
	}
}

// The kube-aggregator's own registry of APIServices works on the backend as on etcd.
func TestAPIServiceRegistry(t *testing.T) {
	t.Parallel()
	b := newTestBackend(t, Options{})
	r := apiserviceetcd.NewREST(scheme.Scheme, b.RESTOptionsGetter(apiregistrationCodec))
	t.Cleanup(r.Destroy)
	ctx := genericapirequest.WithNamespace(t.Context(), metav1.NamespaceNone)
	names := []string{"v1.example.com", "v2.example.com", "v3.example.com"}

	w, err := r.Watch(ctx, &internalversion.ListOptions{AllowWatchBookmarks: true, SendInitialEvents: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	events := func(n int) (got []string) {
		t.Helper()
		for range n {
			e := <-w.ResultChan()
			s, ok := e.Object.(*apiregistration.APIService)
			if !ok {
				t.Fatalf("event with a %T", e.Object)
			}
			got = append(got, fmt.Sprintf("%s %s@%s", e.Type, s.Name, s.ResourceVersion))
		}
		return got
	}

	for _, name := range names {
		if _, err := r.Create(ctx, apiService(name), rest.ValidateAllObjectFunc, &metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Create(ctx, apiService(names[0]), rest.ValidateAllObjectFunc, &metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("creating twice: %v", err)
	}
	stale, err := r.Get(ctx, names[0], &metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	updated := stale.DeepCopyObject().(*apiregistration.APIService)
	updated.Spec.VersionPriority = 20
	obj, created, err := r.Update(ctx, names[0], rest.DefaultUpdatedObjectInfo(updated), rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	if err != nil || created {
		t.Fatalf("updating: created %v, %v", created, err)
	}
	if got := obj.(*apiregistration.APIService); got.Spec.VersionPriority != 20 || got.ResourceVersion != "5" {
		t.Errorf("updated to %d@%s, want 20@5", got.Spec.VersionPriority, got.ResourceVersion)
	}
	stale.(*apiregistration.APIService).Spec.VersionPriority = 30
	_, _, err = r.Update(ctx, names[0], rest.DefaultUpdatedObjectInfo(stale), rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	if !apierrors.IsConflict(err) {
		t.Errorf("updating a stale object: %v, want a conflict", err)
	}
	if _, _, err := r.Delete(ctx, names[1], rest.ValidateAllObjectFunc, &metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(ctx, names[1], &metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("getting the deleted one: %v", err)
	}
	list, err := r.List(ctx, &internalversion.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if l := list.(*apiregistration.APIServiceList); len(l.Items) != 1 || l.Continue == "" || *l.RemainingItemCount != 1 || l.ResourceVersion != "6" {
		t.Errorf("a page of one: %+v", l.ListMeta)
	}
	table, err := r.ConvertToTable(ctx, list, nil)
	if err != nil || len(table.Rows) != 1 {
		t.Errorf("table: %v, %v", table, err)
	}
	if _, err := r.DeleteCollection(ctx, rest.ValidateAllObjectFunc, &metav1.DeleteOptions{}, &internalversion.ListOptions{}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"BOOKMARK @1", "ADDED v1.example.com@2", "ADDED v2.example.com@3", "ADDED v3.example.com@4",
		"MODIFIED v1.example.com@5", "DELETED v2.example.com@6", "DELETED v1.example.com@7", "DELETED v3.example.com@8",
	}
	if diff := cmp.Diff(want, events(len(want))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRESTOptions(t *testing.T) {
	t.Parallel()
	b := newTestBackend(t, Options{})
	getter := b.RESTOptionsGetter(apiregistrationCodec)
	for resource, want := range map[schema.GroupResource]string{
		{Group: "apiregistration.k8s.io", Resource: "apiservices"}: "/apiregistration.k8s.io/apiservices",
		{Resource: "configmaps"}:                                   "/configmaps",
	} {
		o, err := getter.GetRESTOptions(resource, nil)
		if err != nil {
			t.Fatal(err)
		}
		if o.ResourcePrefix != want || o.StorageConfig.GroupResource != resource || o.StorageConfig.Codec == nil || o.StorageConfig.EncodeVersioner == nil || o.Decorator == nil {
			t.Errorf("%s: %+v", resource, o)
		}
	}
	refusing := b.RESTOptionsGetter(func(schema.GroupResource) (runtime.Codec, runtime.GroupVersioner, error) {
		return nil, nil, errors.New("no codec")
	})
	_, err := refusing.GetRESTOptions(schema.GroupResource{Resource: "configmaps"}, nil)
	if want := "finding the storage codec of configmaps: no codec"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
