package delegate

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/util/webhook"
)

// What a webhook may say. Upstream: pkg/apis/admissionregistration/validation/validation.go.
var (
	failurePolicies  = []admissionregistrationv1.FailurePolicyType{admissionregistrationv1.Fail, admissionregistrationv1.Ignore}
	matchPolicies    = []admissionregistrationv1.MatchPolicyType{admissionregistrationv1.Equivalent, admissionregistrationv1.Exact}
	sideEffects      = []admissionregistrationv1.SideEffectClass{admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.SideEffectClassNoneOnDryRun}
	reinvocations    = []admissionregistrationv1.ReinvocationPolicyType{admissionregistrationv1.IfNeededReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy}
	scopes           = []admissionregistrationv1.ScopeType{admissionregistrationv1.AllScopes, admissionregistrationv1.ClusterScope, admissionregistrationv1.NamespacedScope}
	operationTypes   = []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll, admissionregistrationv1.Connect, admissionregistrationv1.Create, admissionregistrationv1.Delete, admissionregistrationv1.Update}
	reviewVersions   = []string{"v1", "v1beta1"}
	reviewVersionsOf = strings.Join(reviewVersions, ", ")
)

func validateValidatingWebhooks(c, _ *admissionregistrationv1.ValidatingWebhookConfiguration) field.ErrorList {
	return validateWebhooks(c.Webhooks)
}

func validateMutatingWebhooks(c, _ *admissionregistrationv1.MutatingWebhookConfiguration) field.ErrorList {
	common := make([]admissionregistrationv1.ValidatingWebhook, 0, len(c.Webhooks))
	errs := make(field.ErrorList, 0, len(c.Webhooks))
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		common = append(common, admissionregistrationv1.ValidatingWebhook{
			Name: w.Name, ClientConfig: w.ClientConfig, Rules: w.Rules, FailurePolicy: w.FailurePolicy, MatchPolicy: w.MatchPolicy,
			NamespaceSelector: w.NamespaceSelector, ObjectSelector: w.ObjectSelector, SideEffects: w.SideEffects,
			TimeoutSeconds: w.TimeoutSeconds, AdmissionReviewVersions: w.AdmissionReviewVersions,
		})
		errs = append(errs, oneOf(field.NewPath("webhooks").Index(i).Child("reinvocationPolicy"), w.ReinvocationPolicy, reinvocations)...)
	}
	return append(validateWebhooks(common), errs...)
}

func validateWebhooks(hooks []admissionregistrationv1.ValidatingWebhook) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range hooks {
		at := field.NewPath("webhooks").Index(i)
		errs = append(errs, validateWebhook(at, &hooks[i])...)
		errs = append(errs, validateReviewVersions(at.Child("admissionReviewVersions"), hooks[i].AdmissionReviewVersions)...)
		if hooks[i].Name != "" && names.Has(hooks[i].Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), hooks[i].Name))
		}
		names.Insert(hooks[i].Name)
	}
	return errs
}

func validateWebhook(at *field.Path, w *admissionregistrationv1.ValidatingWebhook) field.ErrorList {
	errs := validation.IsFullyQualifiedName(at.Child("name"), w.Name)
	for i := range w.Rules {
		errs = append(errs, validateRule(at.Child("rules").Index(i), &w.Rules[i])...)
	}
	errs = append(errs, oneOf(at.Child("failurePolicy"), w.FailurePolicy, failurePolicies)...)
	errs = append(errs, oneOf(at.Child("matchPolicy"), w.MatchPolicy, matchPolicies)...)
	if w.SideEffects == nil {
		errs = append(errs, field.Required(at.Child("sideEffects"), "must specify one of None, NoneOnDryRun"))
	}
	errs = append(errs, oneOf(at.Child("sideEffects"), w.SideEffects, sideEffects)...)
	if w.TimeoutSeconds != nil && (*w.TimeoutSeconds < 1 || *w.TimeoutSeconds > 30) {
		errs = append(errs, field.Invalid(at.Child("timeoutSeconds"), *w.TimeoutSeconds, "the timeout value must be between 1 and 30 seconds"))
	}
	selectors := metavalidation.LabelSelectorValidationOptions{}
	errs = append(errs, metavalidation.ValidateLabelSelector(w.NamespaceSelector, selectors, at.Child("namespaceSelector"))...)
	errs = append(errs, metavalidation.ValidateLabelSelector(w.ObjectSelector, selectors, at.Child("objectSelector"))...)
	client, c := at.Child("clientConfig"), &w.ClientConfig
	switch {
	case (c.URL == nil) == (c.Service == nil):
		errs = append(errs, field.Required(client, "exactly one of url or service is required"))
	case c.URL != nil:
		errs = append(errs, webhook.ValidateWebhookURL(client.Child("url"), *c.URL, true)...)
	default:
		port := int32(443)
		if c.Service.Port != nil {
			port = *c.Service.Port
		}
		errs = append(errs, webhook.ValidateWebhookService(client.Child("service"), c.Service.Namespace, c.Service.Name, c.Service.Path, port)...)
	}
	return errs
}

func validateReviewVersions(at *field.Path, versions []string) field.ErrorList {
	if len(versions) == 0 {
		return field.ErrorList{field.Required(at, "must specify one of "+reviewVersionsOf)}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, v := range versions {
		if seen.Has(v) {
			errs = append(errs, field.Duplicate(at.Index(i), v))
		}
		seen.Insert(v)
		for _, msg := range validation.IsDNS1035Label(v) {
			errs = append(errs, field.Invalid(at.Index(i), v, msg))
		}
	}
	if !seen.HasAny(reviewVersions...) {
		errs = append(errs, field.Invalid(at, versions, "must include at least one of "+reviewVersionsOf))
	}
	return errs
}

func validateRule(at *field.Path, r *admissionregistrationv1.RuleWithOperations) field.ErrorList {
	errs := validateList(at.Child("operations"), r.Operations, admissionregistrationv1.OperationAll, "operations")
	for i := range r.Operations {
		errs = append(errs, oneOf(at.Child("operations").Index(i), &r.Operations[i], operationTypes)...)
	}
	errs = append(errs, validateList(at.Child("apiGroups"), r.APIGroups, "*", "API groups")...)
	errs = append(errs, validateList(at.Child("apiVersions"), r.APIVersions, "*", "API versions")...)
	for i, v := range r.APIVersions {
		if v == "" {
			errs = append(errs, field.Required(at.Child("apiVersions").Index(i), ""))
		}
	}
	if len(r.Resources) == 0 {
		errs = append(errs, field.Required(at.Child("resources"), ""))
	}
	return append(errs, oneOf(at.Child("scope"), r.Scope, scopes)...)
}

// validateList wants something in the list, and nothing beside the value that means everything.
func validateList[T comparable](at *field.Path, list []T, everything T, what string) field.ErrorList {
	switch {
	case len(list) == 0:
		return field.ErrorList{field.Required(at, "")}
	case len(list) > 1 && slices.Contains(list, everything):
		return field.ErrorList{field.Invalid(at, list, "if '*' is present, must not specify other "+what)}
	default:
		return nil
	}
}

// oneOf accepts nil and what is in the sorted list.
func oneOf[T ~string](at *field.Path, value *T, known []T) field.ErrorList {
	if value == nil || slices.Contains(known, *value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(at, *value, known)}
}
