package delegate

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	flow "k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// AuthenticationConfigMap is the name, in namespace kube-system, of the ConfigMap from which custom
// apiservers learn whom to trust.
const AuthenticationConfigMap = "extension-apiserver-authentication"

// systemPriorityClasses are what the kube-apiserver makes (k8s.io/kubernetes pkg/apis/scheduling, helpers.go).
var systemPriorityClasses = []schedulingv1.PriorityClass{
	{
		ObjectMeta:  metav1.ObjectMeta{Name: "system-node-critical"},
		Value:       2_000_001_000,
		Description: "Used for system critical pods that must not be moved from their current node.",
	},
	{
		ObjectMeta:  metav1.ObjectMeta{Name: "system-cluster-critical"},
		Value:       2_000_000_000,
		Description: "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
	},
}

// bootstrap creates what every cluster has. What exists, in a storage that several servers share, stays.
func (s *Server) bootstrap(ctx context.Context) error {
	for _, name := range []string{metav1.NamespaceSystem, metav1.NamespacePublic, metav1.NamespaceDefault, corev1.NamespaceNodeLease} {
		if err := s.ensure(ctx, corev1.Resource("namespaces"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
		if err := s.accounts.Provide(ctx, name); err != nil {
			return err
		}
	}
	for _, level := range flow.MandatoryPriorityLevelConfigurations {
		if err := s.ensure(ctx, flowcontrolv1.Resource("prioritylevelconfigurations"), level.DeepCopy()); err != nil {
			return err
		}
	}
	for _, schema := range flow.MandatoryFlowSchemas {
		if err := s.ensure(ctx, flowcontrolv1.Resource("flowschemas"), schema.DeepCopy()); err != nil {
			return err
		}
	}
	for _, class := range systemPriorityClasses {
		if err := s.ensure(ctx, schedulingv1.Resource("priorityclasses"), class.DeepCopy()); err != nil {
			return err
		}
	}
	return s.PublishAuthenticationConfig(ctx, s.config.AuthenticationConfig())
}

// ensure creates an object unless it exists. It writes to the store directly: building the schemas that
// managed fields need would be most of the start.
func (s *Server) ensure(ctx context.Context, gr schema.GroupResource, obj runtime.Object) error {
	Scheme.Default(obj)
	m := metaOf(obj)
	within := request.WithNamespace(ctx, m.GetNamespace())
	_, err := s.stores[gr.String()].Create(within, obj, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating %s %s: %w", gr, m.GetName(), err)
	}
	return nil
}

// PublishAuthenticationConfig makes data the content of the ConfigMap
// kube-system/extension-apiserver-authentication, which running custom apiservers watch. It is what a
// change of a certificate authority calls; Start does it first. With Config.SharedStorage data is added to
// what is there, else it takes its place. Nothing is written when nothing differs.
func (s *Server) PublishAuthenticationConfig(ctx context.Context, data map[string]string) error {
	want := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: AuthenticationConfigMap},
		Data:       maps.Clone(data),
	}
	if err := s.ensure(ctx, corev1.Resource("configmaps"), want); err != nil {
		return err
	}
	change := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		c, ok := old.DeepCopyObject().(*corev1.ConfigMap)
		if !ok {
			return nil, fmt.Errorf("the configmaps storage holds a %T", old)
		}
		c.Data = s.authenticationConfig(c.Data, data)
		return c, nil
	})
	within := request.WithNamespace(ctx, metav1.NamespaceSystem)
	_, _, err := s.core("configmaps").Update(within, AuthenticationConfigMap, change,
		rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	if err != nil {
		return fmt.Errorf("publishing %s/%s: %w", metav1.NamespaceSystem, AuthenticationConfigMap, err)
	}
	return nil
}
