package serviceaccount

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	"github.com/kagg-project/kagg/delegate/memory"
)

// Pauses between the attempts to write something.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = 5 * time.Second
)

// task is one thing to look at.
type task struct {
	what            string
	namespace, name string
	uid             types.UID
	// account and accountUID are whose token a Secret holds.
	account    string
	accountUID types.UID
}

const (
	theNamespace = "namespace"
	theAccount   = "serviceaccount"
	theSecret    = "secret"
)

// Controller does what a cluster's controllers do for ServiceAccounts: it gives every namespace the
// ServiceAccount "default" and the ConfigMap "kube-root-ca.crt", and fills the Secrets of type
// kubernetes.io/service-account-token. It writes to the stores directly. Its methods are safe for
// concurrent use.
type Controller struct {
	tokens  *Tokens
	objects Objects
	rootCA  func(existing []byte) []byte
	queue   workqueue.TypedRateLimitingInterface[task]
}

// NewController makes a controller; rootCA returns the PEM certificates that verify the server, to stand
// where existing does; what it returned once, it must return for itself. nil tokens leave Secrets alone.
func NewController(t *Tokens, o Objects, rootCA func(existing []byte) []byte) *Controller {
	return &Controller{
		tokens: t, objects: o, rootCA: rootCA,
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[task](shortestPause, longestPause)),
	}
}

// Run watches and works until ctx ends.
func (c *Controller) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, c.queue.ShutDown)()
	for _, w := range c.watched() {
		go w.Run(ctx.Done())
	}
	for {
		next, done := c.queue.Get()
		if done {
			return
		}
		if err := c.work(ctx, next); err != nil {
			klog.FromContext(ctx).V(2).Info("Not done yet", "what", next.what, "namespace", next.namespace, "name", next.name, "reason", err.Error())
			c.queue.AddRateLimited(next)
		} else {
			c.queue.Forget(next)
		}
		c.queue.Done(next)
	}
}

func (c *Controller) work(ctx context.Context, t task) error {
	switch t.what {
	case theNamespace:
		return c.Provide(ctx, t.namespace)
	case theAccount:
		return c.dropSecrets(ctx, t)
	default:
		return c.syncSecret(ctx, t)
	}
}

// RootCAChanged has every namespace look at the root CA again.
func (c *Controller) RootCAChanged(ctx context.Context) error {
	list, err := c.objects.Namespaces.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return err
	}
	if err := eachOf(list, func(n *corev1.Namespace) { c.queue.Add(namespaceTask(n.Name)) }); err != nil || c.tokens == nil {
		return err
	}
	secrets, err := c.objects.Secrets.List(request.WithNamespace(ctx, metav1.NamespaceAll), &metainternalversion.ListOptions{FieldSelector: tokenSecrets})
	if err != nil {
		return err
	}
	return eachOf(secrets, func(s *corev1.Secret) { c.queue.Add(secretTask(s)) })
}

func namespaceTask(name string) task { return task{what: theNamespace, namespace: name} }

func secretTask(s *corev1.Secret) task {
	return task{
		what: theSecret, namespace: s.Namespace, name: s.Name, uid: s.UID,
		account: s.Annotations[corev1.ServiceAccountNameKey], accountUID: types.UID(s.Annotations[corev1.ServiceAccountUIDKey]),
	}
}

// tokenSecrets selects the Secrets that hold tokens.
var tokenSecrets = fields.OneTermEqualSelector("type", string(corev1.SecretTypeServiceAccountToken))

// watched are the kinds that there is something to do about. Nothing is kept of most of them: what is
// written follows from what the stores have at that moment.
func (c *Controller) watched() []cache.Controller {
	onNamespace := func(obj any) {
		if n, ok := obj.(*corev1.Namespace); ok && n.Status.Phase == corev1.NamespaceActive {
			c.queue.Add(namespaceTask(n.Name))
		}
	}
	onConfigMap := func(obj any) {
		if m, ok := last(obj).(*corev1.ConfigMap); ok {
			c.queue.Add(namespaceTask(m.Namespace))
		}
	}
	onAccountGone := func(obj any) {
		sa, ok := last(obj).(*corev1.ServiceAccount)
		if !ok {
			return
		}
		if sa.Name == defaultAccount {
			c.queue.Add(namespaceTask(sa.Namespace))
		}
		c.queue.Add(task{what: theAccount, namespace: sa.Namespace, name: sa.Name, uid: sa.UID})
	}
	onSecret := func(obj any) {
		if s, ok := last(obj).(*corev1.Secret); ok && s.Annotations[corev1.ServiceAccountNameKey] != "" {
			c.queue.Add(secretTask(s))
		}
	}
	out := []cache.Controller{
		inform(c.objects.Namespaces, &corev1.Namespace{}, fields.Everything(), onNamespace, onNamespace, nil),
		inform(c.objects.ConfigMaps, &corev1.ConfigMap{}, fields.OneTermEqualSelector("metadata.name", rootCAName), nil, onConfigMap, onConfigMap),
		inform(c.objects.ServiceAccounts, &corev1.ServiceAccount{}, fields.Everything(), nil, nil, onAccountGone),
	}
	if c.tokens != nil {
		out = append(out, inform(c.objects.Secrets, &corev1.Secret{}, tokenSecrets, onSecret, onSecret, onSecret))
	}
	return out
}

// last is the last known state of what was deleted while nobody watched.
func last(obj any) any {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		return gone.Obj
	}
	return obj
}

// inform calls the functions that are not nil for what a store has and for what happens to it.
func inform(store rest.StandardStorage, of runtime.Object, selected fields.Selector, added, changed, deleted func(any)) cache.Controller {
	_, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: listerWatcher(store, selected),
		ObjectType:    of,
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc: added,
			UpdateFunc: func(_, now any) {
				if changed != nil {
					changed(now)
				}
			},
			DeleteFunc: deleted,
		},
	})
	return controller
}

// listerWatcher reads a store without a client and its encoding between.
func listerWatcher(store rest.StandardStorage, selected fields.Selector) cache.ListerWatcher {
	everywhere := func(ctx context.Context, given metav1.ListOptions) (context.Context, *metainternalversion.ListOptions, error) {
		options := &metainternalversion.ListOptions{}
		err := metainternalversion.Convert_v1_ListOptions_To_internalversion_ListOptions(&given, options, nil)
		options.FieldSelector = selected
		return request.WithNamespace(ctx, metav1.NamespaceAll), options, err
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, given metav1.ListOptions) (runtime.Object, error) {
			ctx, options, err := everywhere(ctx, given)
			if err != nil {
				return nil, err
			}
			return store.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, given metav1.ListOptions) (watch.Interface, error) {
			ctx, options, err := everywhere(ctx, given)
			if err != nil {
				return nil, err
			}
			w, err := store.Watch(ctx, options)
			if err != nil {
				return nil, err
			}
			return memory.Plain(w), nil
		},
	}
}
