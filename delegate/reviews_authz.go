package delegate

import (
	"context"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// accessReviews answers the reviews of authorization.k8s.io. Upstream: pkg/registry/authorization.
type accessReviews struct {
	authorizer authorizer.UnconditionalAuthorizer
	denied     func(authorizer.Attributes)
}

func (a accessReviews) storage() map[string]rest.Storage {
	return map[string]rest.Storage{
		"subjectaccessreviews": &review{
			singular: "subjectaccessreview",
			object:   func() runtime.Object { return &authorizationv1.SubjectAccessReview{} },
			check:    answering(checkSubjectReview),
			answer:   answering(a.subject),
		},
		"localsubjectaccessreviews": &review{
			singular: "localsubjectaccessreview", namespaced: true,
			object: func() runtime.Object { return &authorizationv1.LocalSubjectAccessReview{} },
			check:  answering(checkLocalReview),
			answer: answering(a.local),
		},
		"selfsubjectaccessreviews": &review{
			singular: "selfsubjectaccessreview",
			object:   func() runtime.Object { return &authorizationv1.SelfSubjectAccessReview{} },
			check:    answering(checkSelfReview),
			answer:   answering(a.self),
		},
		"selfsubjectrulesreviews": &review{
			singular: "selfsubjectrulesreview",
			object:   func() runtime.Object { return &authorizationv1.SelfSubjectRulesReview{} },
			check:    answering(checkRulesReview),
			answer:   answering(a.rules),
		},
	}
}

func (a accessReviews) subject(ctx context.Context, r *authorizationv1.SubjectAccessReview) error {
	r.Status = a.decideOrTell(ctx, accessAttributes(subjectOf(&r.Spec), r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes))
	return nil
}

func (a accessReviews) local(ctx context.Context, r *authorizationv1.LocalSubjectAccessReview) error {
	r.Status = a.decideOrTell(ctx, accessAttributes(subjectOf(&r.Spec), r.Spec.ResourceAttributes, nil))
	return nil
}

func (a accessReviews) self(ctx context.Context, r *authorizationv1.SelfSubjectAccessReview) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest(noUser)
	}
	r.Status = a.decide(ctx, accessAttributes(u, r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes))
	return nil
}

// rules answers with nothing of the question, as upstream does.
func (a accessReviews) rules(ctx context.Context, r *authorizationv1.SelfSubjectRulesReview) error {
	u, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewBadRequest(noUser)
	}
	namespace := r.Spec.Namespace
	*r = authorizationv1.SelfSubjectRulesReview{Status: authorizationv1.SubjectRulesReviewStatus{
		ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{},
	}}
	resolver, ok := a.authorizer.(authorizer.RuleResolver)
	if !ok {
		r.Status.Incomplete = true
		r.Status.EvaluationError = "the authorizer cannot list its rules: ask with a SelfSubjectAccessReview"
		return nil
	}
	resources, others, incomplete, err := resolver.RulesFor(ctx, u, namespace)
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

// decideOrTell is decide for a question that a server asks about a request of somebody else.
func (a accessReviews) decideOrTell(ctx context.Context, attributes authorizer.AttributesRecord) authorizationv1.SubjectAccessReviewStatus {
	status := a.decide(ctx, attributes)
	if !status.Allowed {
		a.denied(attributes)
	}
	return status
}

func (a accessReviews) decide(ctx context.Context, attributes authorizer.AttributesRecord) authorizationv1.SubjectAccessReviewStatus {
	decision, reason, err := a.authorizer.Authorize(ctx, attributes)
	return authorizationv1.SubjectAccessReviewStatus{
		Allowed:         decision == authorizer.DecisionAllow,
		Denied:          decision == authorizer.DecisionDeny,
		Reason:          reason,
		EvaluationError: evaluationError(err, &attributes),
	}
}

// evaluationError is the authorizer's error, and what was left out of the question.
func evaluationError(err error, a *authorizer.AttributesRecord) string {
	var texts []string
	if err != nil {
		texts = append(texts, err.Error())
	}
	ignored := func(what string, used int, err error) {
		switch {
		case err == nil:
		case used > 0:
			texts = append(texts, "spec.resourceAttributes."+what+" partially ignored due to parse error")
		default:
			texts = append(texts, "spec.resourceAttributes."+what+" ignored due to parse error")
		}
	}
	ignored("fieldSelector", len(a.FieldSelectorRequirements), a.FieldSelectorParsingErr)
	ignored("labelSelector", len(a.LabelSelectorRequirements), a.LabelSelectorParsingErr)
	return strings.Join(texts, "; ")
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
