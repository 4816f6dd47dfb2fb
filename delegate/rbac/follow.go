package rbac

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// aggregationPause is how long a write of aggregated rules that failed waits for its next try.
const aggregationPause = time.Second

// follower builds an index of each state of the objects.
type follower struct {
	client     kubernetes.Interface
	authorizer *Authorizer
	informers  [4]cache.SharedIndexInformer // in the order of Objects' fields
	touched    chan struct{}
}

// Follow makes an authorizer decide by the objects that the client sees, and keeps the rules of aggregated
// ClusterRoles what they should be, until ctx ends. It returns when the authorizer knows all objects that exist
// now; an error is ctx's. The client needs to list and watch the four kinds, and to update ClusterRoles.
// stopped is closed when nothing of it runs any more.
func Follow(ctx context.Context, client kubernetes.Interface, a *Authorizer) (stopped <-chan struct{}, err error) {
	factory := informers.NewSharedInformerFactory(client, 0)
	kinds := factory.Rbac().V1()
	f := &follower{client: client, authorizer: a, touched: make(chan struct{}, 1), informers: [4]cache.SharedIndexInformer{
		kinds.Roles().Informer(), kinds.ClusterRoles().Informer(), kinds.RoleBindings().Informer(), kinds.ClusterRoleBindings().Informer(),
	}}
	synced := make([]cache.DoneChecker, 0, len(f.informers))
	for _, informer := range f.informers {
		registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { f.touch() }, UpdateFunc: func(any, any) { f.touch() }, DeleteFunc: func(any) { f.touch() },
		})
		if err != nil {
			return nil, fmt.Errorf("following the objects of RBAC: %w", err)
		}
		synced = append(synced, registration.HasSyncedChecker())
	}
	factory.Start(ctx.Done())
	done := make(chan struct{})
	if !cache.WaitFor(ctx, "", synced...) {
		factory.Shutdown()
		close(done)
		return done, errors.Join(ctx.Err())
	}
	a.Set(NewIndex(f.objects()))
	go func() {
		defer close(done)
		f.run(ctx)
		factory.Shutdown()
	}()
	return done, nil
}

func (f *follower) touch() {
	select {
	case f.touched <- struct{}{}:
	default:
	}
}

// run builds a new index for each burst of changes, until ctx ends.
func (f *follower) run(ctx context.Context) {
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.touched:
		case <-again:
		}
		objects := f.objects()
		f.authorizer.Set(NewIndex(objects))
		again = nil
		if err := f.aggregate(ctx, objects.ClusterRoles); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Aggregated ClusterRoles are not up to date")
			again = time.After(aggregationPause)
		}
	}
}

func (f *follower) objects() Objects {
	return Objects{
		Roles: listOf[*rbacv1.Role](f.informers[0]), ClusterRoles: listOf[*rbacv1.ClusterRole](f.informers[1]),
		RoleBindings: listOf[*rbacv1.RoleBinding](f.informers[2]), ClusterRoleBindings: listOf[*rbacv1.ClusterRoleBinding](f.informers[3]),
	}
}

func listOf[T any](informer cache.SharedIndexInformer) []T {
	items := informer.GetStore().List()
	out := make([]T, 0, len(items))
	for _, item := range items {
		if o, ok := item.(T); ok {
			out = append(out, o)
		}
	}
	return out
}

// aggregate writes the rules that aggregated ClusterRoles lack. One role's error does not keep the others from
// theirs; one that changed meanwhile comes back with that change.
func (f *follower) aggregate(ctx context.Context, roles []*rbacv1.ClusterRole) error {
	var errs []error
	for _, role := range slices.SortedFunc(slices.Values(roles), func(a, b *rbacv1.ClusterRole) int { return strings.Compare(a.Name, b.Name) }) {
		rules, aggregated, err := Aggregate(role, roles)
		if err != nil {
			errs = append(errs, err)
		}
		if !aggregated || Aggregated(role, rules) {
			continue
		}
		changed := role.DeepCopy()
		changed.Rules = rules
		_, err = f.client.RbacV1().ClusterRoles().Update(ctx, changed, metav1.UpdateOptions{FieldManager: "clusterrole-aggregation-controller"})
		if err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("aggregating the ClusterRole %q: %w", role.Name, err))
		}
	}
	return errors.Join(errs...)
}
