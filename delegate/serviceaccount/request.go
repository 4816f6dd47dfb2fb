package serviceaccount

import (
	"context"
	"fmt"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	authenticationjwt "k8s.io/apiserver/pkg/authentication/token/jwt"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/utils/ptr"
)

const (
	// defaultExpiration is how long a token lives whose request does not say, in seconds.
	defaultExpiration = 60 * 60
	// podExpiration is what a kubelet asks for where a Pod does not say. Such a token lives longer, so that
	// clients that read their token once are found before they break.
	podExpiration      = 60*60 + 7
	extendedExpiration = 365 * 24 * 60 * 60
)

var requestKind = authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")

// DefaultRequest fills what a TokenRequest leaves out.
func DefaultRequest(r *authenticationv1.TokenRequest) {
	if r.Spec.ExpirationSeconds == nil {
		r.Spec.ExpirationSeconds = ptr.To[int64](defaultExpiration)
	}
}

// REST is the subresource serviceaccounts/token: it makes a token for a ServiceAccount. It follows
// pkg/registry/core/serviceaccount/storage/token.go. It is safe for concurrent use.
type REST struct {
	tokens  *Tokens
	objects Objects
}

var (
	_ rest.NamedCreater                   = (*REST)(nil)
	_ rest.GroupVersionKindProvider       = (*REST)(nil)
	_ rest.SubresourceObjectMetaPreserver = (*REST)(nil)
)

// NewREST makes the subresource on these objects.
func NewREST(t *Tokens, o Objects) *REST { return &REST{tokens: t, objects: o} }

// New implements rest.Storage.
func (*REST) New() runtime.Object { return &authenticationv1.TokenRequest{} }

// Destroy implements rest.Storage; there is nothing to end.
func (*REST) Destroy() {}

// GroupVersionKind implements rest.GroupVersionKindProvider: the kind is of another group than the
// resource.
func (*REST) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind { return requestKind }

// PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate implements
// rest.SubresourceObjectMetaPreserver: a request may name the UID that the ServiceAccount has to have.
func (*REST) PreserveRequestObjectMetaSystemFieldsOnSubresourceCreate() bool { return true }

// Create implements rest.NamedCreater.
func (r *REST) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	req, err := as[authenticationv1.TokenRequest](obj)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	namespace, ok := request.NamespaceFrom(ctx)
	if !ok {
		return nil, apierrors.NewBadRequest("namespace is required")
	}
	if errs := validateSubject(req, namespace, name); len(errs) > 0 {
		return nil, apierrors.NewInvalid(requestKind.GroupKind(), name, errs)
	}
	sa, err := get[corev1.ServiceAccount](ctx, r.objects.ServiceAccounts, "serviceaccounts", namespace, name)
	if err != nil {
		return nil, err
	}
	if req.UID != "" && req.UID != sa.UID {
		return nil, apierrors.NewConflict(kindAsResource(requestKind), name,
			fmt.Errorf("the UID in the token request (%s) does not match the UID of the service account (%s)", req.UID, sa.UID))
	}
	now := r.tokens.config.Now()
	r.fill(req, sa, now)
	if errs := validateSpec(&req.Spec); len(errs) > 0 {
		return nil, apierrors.NewInvalid(requestKind.GroupKind(), "", errs)
	}
	if validate != nil {
		if err := validate(ctx, req.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	to, err := r.bind(ctx, sa, req.Spec.BoundObjectRef)
	if err != nil {
		return nil, err
	}
	life := r.lifetime(ctx, &req.Spec, to)
	public, private := newBoundClaims(sa, to, life, req.Spec.Audiences, now)
	token, err := r.tokens.sign(r.tokens.config.Issuers[0], public, private)
	if err != nil {
		return nil, apierrors.NewInternalError(fmt.Errorf("failed to generate token: %w", err))
	}
	audit.AddAuditAnnotation(ctx, serviceaccount.IssuedCredentialIDAuditAnnotationKey, authenticationjwt.CredentialIDForJTI(public.ID))
	req.Status = authenticationv1.TokenRequestStatus{
		Token:               token,
		ExpirationTimestamp: metav1.Time{Time: now.Add(seconds(*req.Spec.ExpirationSeconds))},
	}
	return req, nil
}

// fill completes the request with what the server knows.
func (r *REST) fill(req *authenticationv1.TokenRequest, sa *corev1.ServiceAccount, now time.Time) {
	DefaultRequest(req)
	if len(req.Spec.Audiences) == 0 {
		req.Spec.Audiences = slices.Clone(r.tokens.config.Audiences)
	}
	req.Name, req.Namespace, req.UID = sa.Name, sa.Namespace, sa.UID
	req.CreationTimestamp = metav1.NewTime(now)
	req.Status = authenticationv1.TokenRequestStatus{}
}

// lifetime shortens what is asked for to what is allowed, with a warning, and lengthens it for pods.
func (r *REST) lifetime(ctx context.Context, spec *authenticationv1.TokenRequestSpec, to binding) lifetime {
	c := &r.tokens.config
	asked := *spec.ExpirationSeconds
	if longest := int64(c.MaxExpiration / time.Second); longest > 0 && asked > longest {
		warning.AddWarning(ctx, "", fmt.Sprintf("requested expiration of %d seconds shortened to %d seconds", asked, longest))
		asked = longest
		spec.ExpirationSeconds = &asked
	}
	forAPI := !slices.ContainsFunc(spec.Audiences, func(a string) bool { return !slices.Contains(c.Audiences, a) })
	if to.pod != nil && asked == podExpiration && forAPI && !c.FixedExpiration {
		return lifetime{expires: seconds(extendedExpiration), warnAfter: seconds(asked)}
	}
	return lifetime{expires: seconds(asked)}
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

func kindAsResource(k schema.GroupVersionKind) schema.GroupResource {
	return schema.GroupResource{Group: k.Group, Resource: k.Kind}
}
