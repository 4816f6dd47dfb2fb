package delegate

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	others   func(ctx context.Context, namespace string) error
}

// The pauses between two tries to empty a namespace. Nothing tells when a finalizer goes, so that they
// also bound how long a namespace outlives its content.
const (
	shortestPause = 20 * time.Millisecond
	longestPause  = 5 * time.Second
)

func newTerminator(others func(context.Context, string) error) *terminator {
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

// run works until ctx ends.
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

var errContentLeft = errors.New("objects with finalizers are left")

func (t *terminator) terminate(ctx context.Context, name string) error {
	obj, err := t.ns.Get(ctx, name, &metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if metaOf(obj).GetDeletionTimestamp() == nil {
		return nil // deleted and made again meanwhile
	}
	// What stays for a while, because of its finalizers, may wait for something else to go first: one kind
	// must not keep the others from being deleted.
	var left []error
	within := request.WithNamespace(ctx, name)
	for _, s := range t.contents {
		left = append(left, empty(within, s))
	}
	if t.others != nil {
		left = append(left, t.others(ctx, name))
	}
	if err := errors.Join(left...); err != nil {
		return err
	}
	return t.release(ctx, name)
}

// empty deletes what s has in the namespace of ctx.
func empty(ctx context.Context, s *store) error {
	if _, err := s.DeleteCollection(ctx, rest.ValidateAllObjectFunc, &metav1.DeleteOptions{}, &metainternalversion.ListOptions{}); err != nil {
		return fmt.Errorf("deleting %s: %w", s.DefaultQualifiedResource, err)
	}
	left, err := s.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing %s: %w", s.DefaultQualifiedResource, err)
	}
	if meta.LenList(left) > 0 {
		return fmt.Errorf("%s: %w", s.DefaultQualifiedResource, errContentLeft)
	}
	return nil
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
