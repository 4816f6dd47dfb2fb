package serviceaccount

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	genericfeatures "k8s.io/apiserver/pkg/features"
)

const (
	shortestExpiration = 10 * 60
	longestExpiration  = 1 << 32
)

// validateSubject checks that a request names no other ServiceAccount than its URL.
func validateSubject(req *authenticationv1.TokenRequest, namespace, name string) field.ErrorList {
	at := field.NewPath("metadata")
	if req.Name != "" && req.Name != name {
		return field.ErrorList{field.Invalid(at.Child("name"), req.Name, "must match the service account name if specified")}
	}
	if req.Namespace != "" && req.Namespace != namespace {
		return field.ErrorList{field.Invalid(at.Child("namespace"), req.Namespace, "must match the service account namespace if specified")}
	}
	return nil
}

// validateSpec follows pkg/apis/authentication/validation/validation.go, ValidateTokenRequest.
func validateSpec(spec *authenticationv1.TokenRequestSpec) field.ErrorList {
	var errs field.ErrorList
	at := field.NewPath("spec")
	switch asked := *spec.ExpirationSeconds; {
	case asked < shortestExpiration:
		errs = append(errs, field.Invalid(at.Child("expirationSeconds"), asked, "may not specify a duration less than 10 minutes"))
	case asked > longestExpiration:
		errs = append(errs, field.Invalid(at.Child("expirationSeconds"), asked, "may not specify a duration larger than 2^32 seconds"))
	}
	if len(spec.Attestations) > 0 && !isWebhook(spec.BoundObjectRef) {
		return field.ErrorList{field.Invalid(at.Child("attestations"), spec.Attestations, "attestations may only be specified with a webhook bound object reference")}
	}
	return errs
}

func isWebhook(ref *authenticationv1.BoundObjectReference) bool {
	return ref != nil && ref.APIVersion == admissionregistrationv1.SchemeGroupVersion.String() &&
		(ref.Kind == "ValidatingWebhookConfiguration" || ref.Kind == "MutatingWebhookConfiguration")
}

// bind finds what the token is to be bound to.
func (r *REST) bind(ctx context.Context, sa *corev1.ServiceAccount, ref *authenticationv1.BoundObjectReference) (binding, error) {
	if ref == nil {
		return binding{}, nil
	}
	gvk := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
	if isWebhook(ref) {
		return binding{}, apierrors.NewBadRequest(fmt.Sprintf("cannot bind token to object of type %s (feature gate %s is disabled)", gvk, genericfeatures.APIServerWebhookAuthenticationToken))
	}
	var to binding
	var bound *metav1.ObjectMeta
	var err error
	switch gvk.GroupKind() {
	case schema.GroupKind{Kind: "Pod"}:
		to, err = r.bindPod(ctx, sa, ref.Name)
		bound = to.pod
	case schema.GroupKind{Kind: "Node"}:
		n, failed := get[corev1.Node](ctx, r.objects.Nodes, "nodes", metav1.NamespaceNone, ref.Name)
		bound, err = metaOf(n, failed)
		to.node = bound
	case schema.GroupKind{Kind: "Secret"}:
		s, failed := get[corev1.Secret](ctx, r.objects.Secrets, "secrets", sa.Namespace, ref.Name)
		bound, err = metaOf(s, failed)
		to.secret = bound
	default:
		err = apierrors.NewBadRequest(fmt.Sprintf("cannot bind token to object of type %s", gvk))
	}
	if err != nil {
		return binding{}, err
	}
	if ref.UID != "" && bound.UID != ref.UID {
		return binding{}, apierrors.NewConflict(kindAsResource(gvk), ref.Name, fmt.Errorf(
			"the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID))
	}
	return to, nil
}

// bindPod binds to a pod that runs as the ServiceAccount, and says on which node, also when the node's own
// object is not there.
func (r *REST) bindPod(ctx context.Context, sa *corev1.ServiceAccount, name string) (binding, error) {
	pod, err := get[corev1.Pod](ctx, r.objects.Pods, "pods", sa.Namespace, name)
	if err != nil {
		return binding{}, err
	}
	if sa.Name != pod.Spec.ServiceAccountName {
		return binding{}, apierrors.NewBadRequest(fmt.Sprintf("cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", sa.Name))
	}
	to := binding{pod: &pod.ObjectMeta}
	on := pod.Spec.NodeName
	if on == "" {
		return to, nil
	}
	node, err := get[corev1.Node](ctx, r.objects.Nodes, "nodes", metav1.NamespaceNone, on)
	switch {
	case apierrors.IsNotFound(err):
		to.node = &metav1.ObjectMeta{Name: on}
	case err != nil:
		return binding{}, apierrors.NewInternalError(err)
	default:
		to.node = &node.ObjectMeta
	}
	return to, nil
}
