package delegate

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// terminator does the namespace controller's part: it empties namespaces that are being deleted and
// then lets them go.
type terminator struct {
	queue    workqueue.TypedRateLimitingInterface[string]
	contents []*store // of every namespaced kind
	ns       *store
	finalize *finalizeStore
	status   *statusStore
	others   func(ctx context.Context, namespace string) Remains
	waiting  sync.Map // the names of namespaces that are not empty yet
}

// The pauses between two tries to empty a namespace. What goes from the delegate's own stores ends them;
// nothing tells of other servers' objects, so that they bound how long a namespace outlives those.
const (
	shortestPause = 20 * time.Millisecond
	longestPause  = 5 * time.Second
)

func newTerminator(others func(context.Context, string) Remains) *terminator {
	return &terminator{
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[string](shortestPause, longestPause)),
		others: others,
	}
}

// resume queues what a former process left half deleted.
func (t *terminator) resume(ctx context.Context) error {
	list, err := t.ns.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing namespaces: %w", err)
	}
	return meta.EachListItem(list, func(obj runtime.Object) error {
		if m := metaOf(obj); m.GetDeletionTimestamp() != nil {
			t.queue.Add(m.GetName())
		}
		return nil
	})
}

// terminators is how many namespaces are emptied at once, as upstream: one that a slow server holds up holds no
// other up.
const terminators = 10

// run works until ctx ends; it may run several times at once.
func (t *terminator) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, t.queue.ShutDown)
	defer stop()
	for {
		name, done := t.queue.Get()
		if done {
			return
		}
		if err := t.terminate(ctx, name); err != nil {
			klog.FromContext(ctx).V(2).Info("Namespace is not empty yet", "namespace", name, "reason", err.Error())
			t.queue.AddRateLimited(name)
		} else {
			t.queue.Forget(name)
		}
		t.queue.Done(name)
	}
}

// touched brings a namespace forward that waits for what was just deleted from it.
func (t *terminator) touched(obj runtime.Object, _ *metav1.DeleteOptions) {
	if name := metaOf(obj).GetNamespace(); name != "" {
		if _, waits := t.waiting.Load(name); waits {
			t.queue.Add(name)
		}
	}
}

// terminate empties a namespace and lets it go. What keeps it stands in its conditions, and is the error.
func (t *terminator) terminate(ctx context.Context, name string) error {
	obj, err := t.ns.Get(ctx, name, &metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		t.waiting.Delete(name)
		return nil
	}
	if err != nil {
		return err
	}
	if metaOf(obj).GetDeletionTimestamp() == nil {
		t.waiting.Delete(name)
		return nil // deleted and made again meanwhile
	}
	if ns, ok := obj.(*corev1.Namespace); ok && !slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes) {
		t.waiting.Delete(name)
		return nil // emptied before; it waits for others' finalizers
	}
	t.waiting.Store(name, true)
	left := t.empty(ctx, name)
	if err := t.show(ctx, name, left.conditions()); err != nil {
		return err
	}
	if !left.Empty() {
		return fmt.Errorf("namespace %s still has content: %d resources, %d failures: its conditions name them", name, len(left.Objects), len(left.Failures))
	}
	t.waiting.Delete(name)
	return t.release(ctx, name)
}

// empty deletes everything in a namespace. Pods go first, as in a cluster, and the rest once none is
// left: what a pod uses outlives it. What else stays for a while, because of its finalizers, may wait for
// something else to go first: one kind does not keep the others from being deleted.
func (t *terminator) empty(ctx context.Context, name string) Remains {
	var left Remains
	within := request.WithNamespace(ctx, name)
	pods := corev1.Resource("pods")
	for _, s := range t.contents {
		if s.DefaultQualifiedResource == pods {
			emptyStore(within, s, &left)
		}
	}
	if len(left.Objects) > 0 {
		return left
	}
	for _, s := range t.contents {
		if s.DefaultQualifiedResource != pods {
			emptyStore(within, s, &left)
		}
	}
	if t.others != nil {
		left.Merge(t.others(ctx, name))
	}
	return left
}

// emptyStore deletes what s has in the namespace of ctx, and counts what stays. A pod whose time to stop
// is over goes even if nobody on its node has stopped it, as a cluster does with those of a lost node.
func emptyStore(ctx context.Context, s *store, left *Remains) {
	background := metav1.DeletePropagationBackground
	options := &metav1.DeleteOptions{PropagationPolicy: &background}
	if _, err := s.DeleteCollection(ctx, rest.ValidateAllObjectFunc, options, &metainternalversion.ListOptions{}); err != nil {
		left.Fail(fmt.Errorf("deleting %s: %w", s.DefaultQualifiedResource, err))
	}
	list, err := s.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		left.Fail(fmt.Errorf("listing %s: %w", s.DefaultQualifiedResource, err))
		return
	}
	err = meta.EachListItem(list, func(obj runtime.Object) error {
		m := metaOf(obj)
		if at := m.GetDeletionTimestamp(); s.row.grace != nil && at != nil && at.Time.Before(time.Now()) && len(m.GetFinalizers()) == 0 {
			var now int64
			_, _, err := s.Delete(ctx, m.GetName(), rest.ValidateAllObjectFunc, &metav1.DeleteOptions{GracePeriodSeconds: &now})
			if err == nil || apierrors.IsNotFound(err) {
				return nil
			}
		}
		left.Add(s.row.gv.WithResource(s.row.resource), m.GetFinalizers())
		return nil
	})
	left.Fail(err)
}

// show writes the conditions of a namespace, if they say something new.
func (t *terminator) show(ctx context.Context, name string, conditions []corev1.NamespaceCondition) error {
	unscoped := request.WithNamespace(ctx, metav1.NamespaceNone)
	info := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		ns, ok := old.DeepCopyObject().(*corev1.Namespace)
		if !ok {
			return nil, fmt.Errorf("the namespaces storage holds a %T", old)
		}
		// An unchanged object is not written.
		ns.Status.Conditions, _ = withConditions(ns.Status.Conditions, conditions, metav1.Now())
		return ns, nil
	})
	_, _, err := t.status.Update(unscoped, name, info, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// release takes the finalizer "kubernetes" away, which removes the namespace if it was the last.
func (t *terminator) release(ctx context.Context, name string) error {
	info := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		ns, ok := old.DeepCopyObject().(*corev1.Namespace)
		if !ok {
			return nil, fmt.Errorf("the namespaces storage holds a %T", old)
		}
		ns.Spec.Finalizers = slices.DeleteFunc(ns.Spec.Finalizers, func(f corev1.FinalizerName) bool {
			return f == corev1.FinalizerKubernetes
		})
		return ns, nil
	})
	unscoped := request.WithNamespace(ctx, metav1.NamespaceNone) // updates ask for it on every resource
	_, _, err := t.finalize.Update(unscoped, name, info, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("finalizing namespace %s: %w", name, err)
	}
	return nil
}
