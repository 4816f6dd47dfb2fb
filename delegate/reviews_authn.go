package delegate

import (
	"context"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// review is a resource that answers a question on creation and keeps nothing.
type review struct {
	singular   string
	namespaced bool
	object     func() runtime.Object
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

// Create answers the question.
func (r *review) Create(ctx context.Context, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
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

func authenticationReviews(tokens authenticator.Token, audiences authenticator.Audiences) map[string]rest.Storage {
	return map[string]rest.Storage{
		"tokenreviews": &review{
			singular: "tokenreview",
			object:   func() runtime.Object { return &authenticationv1.TokenReview{} },
			answer: answering(func(ctx context.Context, r *authenticationv1.TokenReview) error {
				return reviewToken(ctx, r, tokens, audiences)
			}),
		},
		"selfsubjectreviews": &review{
			singular: "selfsubjectreview",
			object:   func() runtime.Object { return &authenticationv1.SelfSubjectReview{} },
			answer:   answering(reviewSelf),
		},
	}
}

// reviewToken follows pkg/registry/authentication/tokenreview/storage.go.
func reviewToken(ctx context.Context, r *authenticationv1.TokenReview, tokens authenticator.Token, audiences authenticator.Audiences) error {
	if r.Spec.Token == "" {
		return apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	wanted := authenticator.Audiences(r.Spec.Audiences)
	if len(wanted) == 0 {
		wanted = audiences
	}
	if len(wanted) > 0 {
		ctx = authenticator.WithAudiences(ctx, wanted)
	}
	r.Status = authenticationv1.TokenReviewStatus{}
	if tokens == nil {
		return nil
	}
	found, ok, refused := tokens.AuthenticateToken(ctx, r.Spec.Token)
	switch {
	case refused != nil:
		r.Status.Error = refused.Error()
		return nil //nolint:nilerr // the review succeeds: the token is what is no good
	case !ok || found == nil:
		return nil
	case len(wanted) > 0 && len(wanted.Intersect(found.Audiences)) == 0:
		return apierrors.NewInternalError(errors.New("error validating audiences"))
	}
	r.Status.Authenticated = true
	r.Status.Audiences = found.Audiences
	if found.User != nil {
		r.Status.User = userInfo(found.User)
	}
	return nil
}

func reviewSelf(ctx context.Context, r *authenticationv1.SelfSubjectReview) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest("no user present on request")
	}
	r.Status = authenticationv1.SelfSubjectReviewStatus{UserInfo: userInfo(u)}
	if r.CreationTimestamp.IsZero() {
		r.CreationTimestamp = metav1.Now()
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
