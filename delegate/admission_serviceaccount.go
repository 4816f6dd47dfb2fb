package delegate

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// podAccounts gives each new pod the ServiceAccount that it runs as, and refuses one whose ServiceAccount
// is not there. It follows plugin/pkg/admission/serviceaccount/admission.go, but mounts no token: nothing
// runs pods.
type podAccounts struct {
	account func(ctx context.Context, name string) (runtime.Object, error)
}

var _ admission.MutationInterface = podAccounts{}

// Handles implements admission.Interface.
func (podAccounts) Handles(op admission.Operation) bool { return op == admission.Create }

// Admit implements admission.MutationInterface.
func (p podAccounts) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() != corev1.Resource("pods") || a.GetSubresource() != "" {
		return nil
	}
	pod, ok := a.GetObject().(*corev1.Pod)
	if !ok || pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		return nil
	}
	if pod.Spec.ServiceAccountName == "" {
		pod.Spec.ServiceAccountName = or(pod.Spec.DeprecatedServiceAccount, "default")
	}
	pod.Spec.DeprecatedServiceAccount = pod.Spec.ServiceAccountName
	name := pod.Spec.ServiceAccountName
	obj, err := p.account(request.WithNamespace(ctx, a.GetNamespace()), name)
	if apierrors.IsNotFound(err) {
		err = apierrors.NewNotFound(corev1.Resource("serviceaccount"), name) // singular, as upstream says it
	}
	if err != nil {
		return admission.NewForbidden(a, fmt.Errorf("error looking up service account %s/%s: %w", a.GetNamespace(), name, err))
	}
	if sa, ok := obj.(*corev1.ServiceAccount); ok && len(pod.Spec.ImagePullSecrets) == 0 {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, sa.ImagePullSecrets...)
	}
	return nil
}

// newAdmission is what each write passes before it is validated.
func (s *Server) newAdmission() admission.Interface {
	reader := func(resource string) func(context.Context, string) (runtime.Object, error) {
		return func(ctx context.Context, name string) (runtime.Object, error) {
			return s.core(resource).Get(ctx, name, &metav1.GetOptions{})
		}
	}
	return admission.NewChainHandler(lifecycle{namespace: reader("namespaces")}, podAccounts{account: reader("serviceaccounts")}, signers{s.config.Authorizer})
}
