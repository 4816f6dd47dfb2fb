package delegate

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// trustPause is the longest pause between two looks at the published authentication configuration that
// no change asked for, as in a kube-apiserver.
const trustPause = time.Minute

// followShared does what a server has to that shares its storage with others, until ctx ends: namespaces
// that another one marked as deleted are emptied here too, should that one stop before it has, and what
// this server publishes of itself is put back where another change took it away.
func (s *Server) followShared(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(s.client)
	if err != nil {
		return err
	}
	namespaces := follow(client, "namespaces", metav1.NamespaceAll, fields.Everything(), &corev1.Namespace{})
	queueIfDeleted := func(obj any) {
		if o, ok := obj.(runtime.Object); ok && metaOf(o).GetDeletionTimestamp() != nil {
			s.terminator.queue.Add(metaOf(o).GetName())
		}
	}
	if _, err := namespaces.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: queueIfDeleted, UpdateFunc: func(_, obj any) { queueIfDeleted(obj) },
	}); err != nil {
		return err
	}
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	published := follow(client, "configmaps", metav1.NamespaceSystem,
		fields.OneTermEqualSelector(metav1.ObjectNameField, AuthenticationConfigMap), &corev1.ConfigMap{})
	look := func(any) { queue.Add(AuthenticationConfigMap) }
	if _, err := published.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: look, UpdateFunc: func(_, obj any) { look(obj) }, DeleteFunc: look,
	}); err != nil {
		return err
	}
	context.AfterFunc(ctx, queue.ShutDown)
	go namespaces.RunWithContext(ctx)
	go published.RunWithContext(ctx)
	go s.publishAgain(ctx, queue)
	return nil
}

// follow makes an informer of a core resource.
func follow(client kubernetes.Interface, resource, namespace string, selector fields.Selector, example runtime.Object) cache.SharedIndexInformer {
	lw := cache.NewListWatchFromClient(client.CoreV1().RESTClient(), resource, namespace, selector)
	return cache.NewSharedIndexInformer(lw, example, 0, cache.Indexers{})
}

// publishAgain puts this server's part of the authentication configuration back whenever the queue says
// so, and once in trustPause. Nothing is written when nothing is missing.
func (s *Server) publishAgain(ctx context.Context, queue workqueue.TypedRateLimitingInterface[string]) {
	for {
		key, done := queue.Get()
		if done {
			return
		}
		if err := s.PublishAuthenticationConfig(ctx, s.config.AuthenticationConfig()); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(fmt.Errorf("%w: it is tried again", err), "Publishing the authentication configuration")
			queue.AddRateLimited(key)
		} else {
			queue.Forget(key)
			queue.AddAfter(key, trustPause)
		}
		queue.Done(key)
	}
}
