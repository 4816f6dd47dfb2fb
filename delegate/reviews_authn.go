package delegate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/klog/v2"
)

// review is a resource that answers a question on creation and keeps nothing.
type review struct {
	singular   string
	namespaced bool
	object     func() runtime.Object
	check      func(ctx context.Context, obj runtime.Object) error // refuses a question; nil: none
	answer     func(ctx context.Context, obj runtime.Object) error // fills the status
}

var (
	_ rest.Creater              = &review{} //nolint:misspell // upstream's name
	_ rest.Scoper               = &review{}
	_ rest.SingularNameProvider = &review{}
)

// New implements rest.Storage.
func (r *review) New() runtime.Object { return r.object() }

// Destroy implements rest.Storage.
func (*review) Destroy() {}

// NamespaceScoped implements rest.Scoper.
func (r *review) NamespaceScoped() bool { return r.namespaced }

// GetSingularName implements rest.SingularNameProvider.
func (r *review) GetSingularName() string { return r.singular }

// Create answers the question: what is wrong with it comes before what admission says of it, as upstream
// has it.
func (r *review) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	if r.check != nil {
		if err := r.check(ctx, obj); err != nil {
			return nil, err
		}
	}
	if validate != nil {
		if err := validate(ctx, obj.DeepCopyObject()); err != nil {
			return nil, err
		}
	}
	if err := r.answer(ctx, obj); err != nil {
		return nil, err
	}
	return obj, nil
}

// answering adapts a function on one review's type.
func answering[T any](f func(ctx context.Context, review *T) error) func(context.Context, runtime.Object) error {
	return func(ctx context.Context, obj runtime.Object) error {
		typed, ok := any(obj).(*T)
		if !ok {
			return apierrors.NewBadRequest(fmt.Sprintf("not a %T: %#v", typed, obj))
		}
		return f(ctx, typed)
	}
}

func authenticationReviews(requests authenticator.Request, audiences authenticator.Audiences) map[string]rest.Storage {
	return map[string]rest.Storage{
		"tokenreviews": &review{
			singular: "tokenreview",
			object:   func() runtime.Object { return &authenticationv1.TokenReview{} },
			check:    answering(checkToken),
			answer: answering(func(ctx context.Context, r *authenticationv1.TokenReview) error {
				return reviewToken(r, requests, audiences)
			}),
		},
		"selfsubjectreviews": &review{
			singular: "selfsubjectreview",
			object:   func() runtime.Object { return &authenticationv1.SelfSubjectReview{} },
			answer:   answering(reviewSelf),
		},
	}
}

func checkToken(_ context.Context, r *authenticationv1.TokenReview) error {
	if r.Spec.Token == "" {
		return apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	return nil
}

// reviewToken asks about a request that has nothing but the token, as
// pkg/registry/authentication/tokenreview/storage.go does.
func reviewToken(r *authenticationv1.TokenReview, requests authenticator.Request, audiences authenticator.Audiences) error {
	if requests == nil {
		return nil
	}
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{"Authorization": {"Bearer " + r.Spec.Token}}}
	wanted := authenticator.Audiences(r.Spec.Audiences)
	if len(wanted) == 0 {
		wanted = audiences
	}
	if len(wanted) > 0 {
		req = req.WithContext(authenticator.WithAudiences(req.Context(), wanted))
	}
	found, ok, refused := requests.AuthenticateRequest(req)
	r.Status.Authenticated = ok
	if refused != nil {
		r.Status.Error = refused.Error()
	}
	if found == nil {
		return nil
	}
	if len(wanted) > 0 && len(wanted.Intersect(found.Audiences)) == 0 {
		klog.ErrorS(nil, "A token was found good without saying for whom", "wanted", wanted, "got", found.Audiences)
		return apierrors.NewInternalError(errors.New("error validating audiences"))
	}
	if found.User != nil {
		r.Status.User = userInfo(found.User)
		r.Status.Audiences = found.Audiences
	}
	return nil
}

// reviewSelf tells the user who it is. Upstream: pkg/registry/authentication/selfsubjectreview/rest.go.
func reviewSelf(ctx context.Context, r *authenticationv1.SelfSubjectReview) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest(noUser)
	}
	*r = authenticationv1.SelfSubjectReview{
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.Now()},
		Status:     authenticationv1.SelfSubjectReviewStatus{UserInfo: userInfo(u)},
	}
	return nil
}

func userInfo(u user.Info) authenticationv1.UserInfo {
	out := authenticationv1.UserInfo{Username: u.GetName(), UID: u.GetUID(), Groups: u.GetGroups()}
	for k, v := range u.GetExtra() {
		if out.Extra == nil {
			out.Extra = map[string]authenticationv1.ExtraValue{}
		}
		out.Extra[k] = v
	}
	return out
}
