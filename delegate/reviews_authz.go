package delegate

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// accessReviews answers the reviews of authorization.k8s.io. Upstream: pkg/registry/authorization.
type accessReviews struct {
	authorizer authorizer.UnconditionalAuthorizer
}

func (a accessReviews) storage() map[string]rest.Storage {
	return map[string]rest.Storage{
		"subjectaccessreviews": &review{
			singular: "subjectaccessreview",
			object:   func() runtime.Object { return &authorizationv1.SubjectAccessReview{} },
			answer:   answering(a.subject),
		},
		"localsubjectaccessreviews": &review{
			singular: "localsubjectaccessreview", namespaced: true,
			object: func() runtime.Object { return &authorizationv1.LocalSubjectAccessReview{} },
			answer: answering(a.local),
		},
		"selfsubjectaccessreviews": &review{
			singular: "selfsubjectaccessreview",
			object:   func() runtime.Object { return &authorizationv1.SelfSubjectAccessReview{} },
			answer:   answering(a.self),
		},
		"selfsubjectrulesreviews": &review{
			singular: "selfsubjectrulesreview",
			object:   func() runtime.Object { return &authorizationv1.SelfSubjectRulesReview{} },
			answer:   answering(a.rules),
		},
	}
}

func (a accessReviews) subject(ctx context.Context, r *authorizationv1.SubjectAccessReview) error {
	errs := validateAccess(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes)
	errs = append(errs, validateSubject(r.Spec.User, r.Spec.Groups)...)
	if len(errs) > 0 {
		return apierrors.NewInvalid(authorizationv1.SchemeGroupVersion.WithKind("SubjectAccessReview").GroupKind(), "", errs)
	}
	r.Status = a.decide(ctx, subjectOf(&r.Spec), r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes)
	return nil
}

func (a accessReviews) local(ctx context.Context, r *authorizationv1.LocalSubjectAccessReview) error {
	errs := validateAccess(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes)
	errs = append(errs, validateSubject(r.Spec.User, r.Spec.Groups)...)
	spec := field.NewPath("spec")
	if attrs := r.Spec.ResourceAttributes; attrs != nil && attrs.Namespace != r.Namespace {
		errs = append(errs, field.Invalid(spec.Child("resourceAttributes.namespace"), attrs.Namespace, "must match metadata.namespace"))
	}
	if r.Spec.NonResourceAttributes != nil {
		errs = append(errs, field.Invalid(spec.Child("nonResourceAttributes"), r.Spec.NonResourceAttributes, "disallowed on this kind of request"))
	}
	if len(errs) > 0 {
		return apierrors.NewInvalid(authorizationv1.SchemeGroupVersion.WithKind("LocalSubjectAccessReview").GroupKind(), "", errs)
	}
	if ns := request.NamespaceValue(ctx); ns != r.Namespace {
		return apierrors.NewBadRequest(fmt.Sprintf("spec.resourceAttributes.namespace must match namespace: %v", ns))
	}
	r.Status = a.decide(ctx, subjectOf(&r.Spec), r.Spec.ResourceAttributes, nil)
	return nil
}

func (a accessReviews) self(ctx context.Context, r *authorizationv1.SelfSubjectAccessReview) error {
	if errs := validateAccess(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes); len(errs) > 0 {
		return apierrors.NewInvalid(authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview").GroupKind(), "", errs)
	}
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest("no user present on request")
	}
	r.Status = a.decide(ctx, u, r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes)
	return nil
}

func (a accessReviews) rules(ctx context.Context, r *authorizationv1.SelfSubjectRulesReview) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest("no user present on request")
	}
	if r.Spec.Namespace == "" {
		return apierrors.NewBadRequest("no namespace on request")
	}
	r.Status = authorizationv1.SubjectRulesReviewStatus{
		ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{},
	}
	resolver, ok := a.authorizer.(authorizer.RuleResolver)
	if !ok {
		r.Status.Incomplete = true
		r.Status.EvaluationError = "the authorizer cannot list its rules: ask with a SelfSubjectAccessReview"
		return nil
	}
	resources, others, incomplete, err := resolver.RulesFor(ctx, u, r.Spec.Namespace)
	r.Status.Incomplete = incomplete
	if err != nil {
		r.Status.EvaluationError = err.Error()
	}
	for _, rule := range resources {
		r.Status.ResourceRules = append(r.Status.ResourceRules, authorizationv1.ResourceRule{
			Verbs: rule.GetVerbs(), APIGroups: rule.GetAPIGroups(),
			Resources: rule.GetResources(), ResourceNames: rule.GetResourceNames(),
		})
	}
	for _, rule := range others {
		r.Status.NonResourceRules = append(r.Status.NonResourceRules, authorizationv1.NonResourceRule{
			Verbs: rule.GetVerbs(), NonResourceURLs: rule.GetNonResourceURLs(),
		})
	}
	return nil
}

func (a accessReviews) decide(ctx context.Context, u user.Info, res *authorizationv1.ResourceAttributes, non *authorizationv1.NonResourceAttributes) authorizationv1.SubjectAccessReviewStatus {
	decision, reason, err := a.authorizer.Authorize(ctx, accessAttributes(u, res, non))
	status := authorizationv1.SubjectAccessReviewStatus{
		Allowed: decision == authorizer.DecisionAllow,
		Denied:  decision == authorizer.DecisionDeny,
		Reason:  reason,
	}
	if err != nil {
		status.EvaluationError = err.Error()
	}
	return status
}

func subjectOf(s *authorizationv1.SubjectAccessReviewSpec) user.Info {
	u := &user.DefaultInfo{Name: s.User, UID: s.UID, Groups: s.Groups}
	for k, v := range s.Extra {
		if u.Extra == nil {
			u.Extra = map[string][]string{}
		}
		u.Extra[k] = v
	}
	return u
}

func validateSubject(name string, groups []string) field.ErrorList {
	if name == "" && len(groups) == 0 {
		return field.ErrorList{field.Invalid(field.NewPath("spec", "user"), name, "at least one of user or group must be specified")}
	}
	return nil
}

func validateAccess(res *authorizationv1.ResourceAttributes, non *authorizationv1.NonResourceAttributes) field.ErrorList {
	spec := field.NewPath("spec")
	switch {
	case res != nil && non != nil:
		return field.ErrorList{field.Invalid(spec.Child("nonResourceAttributes"), non, "cannot be specified in combination with resourceAttributes")}
	case res == nil && non == nil:
		return field.ErrorList{field.Invalid(spec.Child("resourceAttributes"), res, "exactly one of nonResourceAttributes or resourceAttributes must be specified")}
	case res == nil:
		return nil
	}
	var errs field.ErrorList
	at := spec.Child("resourceAttributes")
	if s := res.FieldSelector; s != nil {
		errs = append(errs, validateSelector(at.Child("fieldSelector"), s.RawSelector, len(s.Requirements))...)
	}
	if s := res.LabelSelector; s != nil {
		errs = append(errs, validateSelector(at.Child("labelSelector"), s.RawSelector, len(s.Requirements))...)
	}
	return errs
}

func validateSelector(at *field.Path, raw string, requirements int) field.ErrorList {
	switch {
	case raw != "" && requirements > 0:
		return field.ErrorList{field.Invalid(at.Child("rawSelector"), raw, "may not specified at the same time as requirements")}
	case raw == "" && requirements == 0:
		return field.ErrorList{field.Required(at.Child("requirements"), "when "+at.String()+" is specified, requirements or rawSelector is required")}
	default:
		return nil
	}
}
