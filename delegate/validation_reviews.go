package delegate

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// The checks of authorization.k8s.io's reviews follow pkg/apis/authorization/validation/validation.go.

const noUser = "no user present on request"

// invalidReview names no kind, as upstream's decoded objects do not say theirs.
func invalidReview(errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(authorizationv1.SchemeGroupVersion.WithKind("").GroupKind(), "", errs)
}

func checkSubjectReview(_ context.Context, r *authorizationv1.SubjectAccessReview) error {
	errs := validateAccess(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes, validateReviewed(&r.Spec))
	return invalidReview(append(errs, validateNoMeta(r.ObjectMeta, "must be empty")...))
}

func checkLocalReview(ctx context.Context, r *authorizationv1.LocalSubjectAccessReview) error {
	errs := validateAccess(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes, validateReviewed(&r.Spec))
	m := r.ObjectMeta
	m.Namespace = ""
	errs = append(errs, validateNoMeta(m, "must be empty except for namespace")...)
	if res := r.Spec.ResourceAttributes; res != nil && res.Namespace != r.Namespace {
		errs = append(errs, field.Invalid(field.NewPath("spec.resourceAttributes.namespace"), res.Namespace, "must match metadata.namespace"))
	}
	if non := r.Spec.NonResourceAttributes; non != nil {
		errs = append(errs, field.Invalid(field.NewPath("spec.nonResourceAttributes"), shown(non), "disallowed on this kind of request"))
	}
	if err := invalidReview(errs); err != nil {
		return err
	}
	switch ns := request.NamespaceValue(ctx); ns {
	case "":
		return apierrors.NewBadRequest("namespace is required on this type: ")
	case r.Namespace:
		return nil
	default:
		return apierrors.NewBadRequest(fmt.Sprintf("spec.resourceAttributes.namespace must match namespace: %v", ns))
	}
}

func checkSelfReview(_ context.Context, r *authorizationv1.SelfSubjectAccessReview) error {
	errs := validateAccess(r.Spec.ResourceAttributes, r.Spec.NonResourceAttributes, nil)
	return invalidReview(append(errs, validateNoMeta(r.ObjectMeta, "must be empty")...))
}

func checkRulesReview(_ context.Context, r *authorizationv1.SelfSubjectRulesReview) error {
	if r.Spec.Namespace == "" {
		return apierrors.NewBadRequest("no namespace on request")
	}
	return nil
}

func validateReviewed(s *authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	if s.User == "" && len(s.Groups) == 0 {
		return field.ErrorList{field.Invalid(field.NewPath("spec", "user"), s.User, "at least one of user or group must be specified")}
	}
	return nil
}

func validateNoMeta(m metav1.ObjectMeta, text string) field.ErrorList {
	without := m
	without.ManagedFields = nil
	if equality.Semantic.DeepEqual(metav1.ObjectMeta{}, without) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata"), m, text)}
}

// shown is how upstream shows the attributes: its types have no JSON names.
func shown(non *authorizationv1.NonResourceAttributes) any {
	return struct{ Path, Verb string }{non.Path, non.Verb}
}

// validateAccess checks what is asked about; the subject's errors come where upstream has them.
func validateAccess(res *authorizationv1.ResourceAttributes, non *authorizationv1.NonResourceAttributes, subject field.ErrorList) field.ErrorList {
	const exactlyOne = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
	var errs field.ErrorList
	switch {
	case res != nil && non != nil:
		errs = append(errs, field.Invalid(field.NewPath("spec"), shown(non), exactlyOne))
	case res == nil && non == nil:
		errs = append(errs, field.Invalid(field.NewPath("spec"), nil, exactlyOne))
	}
	errs = append(errs, subject...)
	if res == nil {
		return errs
	}
	at := field.NewPath("spec.resourceAttributes")
	if s := res.FieldSelector; s != nil {
		errs = append(errs, validateSelector(at.Child("fieldSelector"), s.RawSelector, len(s.Requirements))...)
		// An operator that a newer client knows is left to the authorizer.
		options := metav1validation.FieldSelectorValidationOptions{AllowUnknownOperatorInRequirement: true}
		for i, r := range s.Requirements {
			errs = append(errs, metav1validation.ValidateFieldSelectorRequirement(r, options, at.Child("fieldSelector", "requirements").Index(i))...)
		}
	}
	if s := res.LabelSelector; s != nil {
		errs = append(errs, validateSelector(at.Child("labelSelector"), s.RawSelector, len(s.Requirements))...)
		options := metav1validation.LabelSelectorValidationOptions{AllowUnknownOperatorInRequirement: true}
		for i, r := range s.Requirements {
			errs = append(errs, metav1validation.ValidateLabelSelectorRequirement(r, options, at.Child("labelSelector", "requirements").Index(i))...)
		}
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
