package delegate

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
)

// admissionRow is what the kinds below have in common.
func admissionRow(change func(r *row)) row {
	r := row{gv: admissionregistrationv1.SchemeGroupVersion, cluster: true, categories: apiExtensions, generation: true, preconditioned: true}
	change(&r)
	return r
}

// admissionRows have the defaults of pkg/apis/admissionregistration/v1/defaults.go.
func admissionRows() []row {
	return append(validatingRows(), mutatingRows()...)
}

func validatingRows() []row {
	return []row{
		admissionRow(func(r *row) {
			r.object, r.list = &admissionregistrationv1.ValidatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfigurationList{}
			r.resource, r.defaults = "validatingwebhookconfigurations", defaulting(defaultValidatingWebhooks)
			r.validate = checking(validateValidatingWebhooks)
			r.columns = []column{integer("Webhooks", of(func(w *admissionregistrationv1.ValidatingWebhookConfiguration) any { return int64(len(w.Webhooks)) }))}
		}),
		admissionRow(func(r *row) {
			r.object, r.list = &admissionregistrationv1.ValidatingAdmissionPolicy{}, &admissionregistrationv1.ValidatingAdmissionPolicyList{}
			r.resource, r.singular, r.status = "validatingadmissionpolicies", "validatingadmissionpolicy", true
			r.defaults = defaulting(func(p *admissionregistrationv1.ValidatingAdmissionPolicy) {
				setPointer(&p.Spec.FailurePolicy, admissionregistrationv1.Fail)
				defaultMatch(p.Spec.MatchConstraints)
			})
			r.columns = []column{
				integer("Validations", of(func(p *admissionregistrationv1.ValidatingAdmissionPolicy) any { return int64(len(p.Spec.Validations)) })),
				text("ParamKind", of(func(p *admissionregistrationv1.ValidatingAdmissionPolicy) any { return paramKind(p.Spec.ParamKind) })),
			}
		}),
		admissionRow(func(r *row) {
			r.object, r.list = &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}, &admissionregistrationv1.ValidatingAdmissionPolicyBindingList{}
			r.resource = "validatingadmissionpolicybindings"
			r.defaults = defaulting(func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) { defaultMatch(b.Spec.MatchResources) })
			r.columns = []column{
				text("PolicyName", of(func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) any { return b.Spec.PolicyName })),
				text("ParamRef", of(func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) any {
					return paramRef(b.Spec.ParamRef)
				})),
			}
		}),
	}
}

func mutatingRows() []row {
	return []row{
		admissionRow(func(r *row) {
			r.object, r.list = &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.MutatingWebhookConfigurationList{}
			r.resource, r.defaults = "mutatingwebhookconfigurations", defaulting(defaultMutatingWebhooks)
			r.validate = checking(validateMutatingWebhooks)
			r.columns = []column{integer("Webhooks", of(func(w *admissionregistrationv1.MutatingWebhookConfiguration) any { return int64(len(w.Webhooks)) }))}
		}),
		admissionRow(func(r *row) {
			r.object, r.list = &admissionregistrationv1.MutatingAdmissionPolicy{}, &admissionregistrationv1.MutatingAdmissionPolicyList{}
			r.resource = "mutatingadmissionpolicies"
			r.defaults = defaulting(func(p *admissionregistrationv1.MutatingAdmissionPolicy) {
				setPointer(&p.Spec.FailurePolicy, admissionregistrationv1.Fail)
				defaultMatch(p.Spec.MatchConstraints)
			})
			r.columns = []column{
				integer("Mutations", of(func(p *admissionregistrationv1.MutatingAdmissionPolicy) any { return int64(len(p.Spec.Mutations)) })),
				text("ParamKind", of(func(p *admissionregistrationv1.MutatingAdmissionPolicy) any { return paramKind(p.Spec.ParamKind) })),
			}
		}),
		admissionRow(func(r *row) {
			r.object, r.list = &admissionregistrationv1.MutatingAdmissionPolicyBinding{}, &admissionregistrationv1.MutatingAdmissionPolicyBindingList{}
			r.resource = "mutatingadmissionpolicybindings"
			r.defaults = defaulting(func(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) { defaultMatch(b.Spec.MatchResources) })
			r.columns = []column{
				text("PolicyName", of(func(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) any { return b.Spec.PolicyName })),
				text("ParamRef", of(func(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) any { return paramRef(b.Spec.ParamRef) })),
			}
		}),
	}
}

func paramKind(k *admissionregistrationv1.ParamKind) string {
	if k == nil {
		return unset
	}
	return k.APIVersion + "/" + k.Kind
}

func paramRef(p *admissionregistrationv1.ParamRef) string {
	switch {
	case p == nil:
		return unset
	case p.Namespace == "":
		return or(p.Name, "*")
	default:
		return p.Namespace + "/" + or(p.Name, "*")
	}
}

func defaultMutatingWebhooks(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		setPointer(&w.FailurePolicy, admissionregistrationv1.Fail)
		setPointer(&w.MatchPolicy, admissionregistrationv1.Equivalent)
		setPointer(&w.ReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)
		setPointer(&w.TimeoutSeconds, 10)
		selectEverything(&w.NamespaceSelector)
		selectEverything(&w.ObjectSelector)
		defaultHook(&w.ClientConfig, w.Rules)
	}
}

func defaultValidatingWebhooks(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		setPointer(&w.FailurePolicy, admissionregistrationv1.Fail)
		setPointer(&w.MatchPolicy, admissionregistrationv1.Equivalent)
		setPointer(&w.TimeoutSeconds, 10)
		selectEverything(&w.NamespaceSelector)
		selectEverything(&w.ObjectSelector)
		defaultHook(&w.ClientConfig, w.Rules)
	}
}

func defaultHook(c *admissionregistrationv1.WebhookClientConfig, rules []admissionregistrationv1.RuleWithOperations) {
	if c.Service != nil {
		setPointer(&c.Service.Port, 443)
	}
	for i := range rules {
		setPointer(&rules[i].Scope, admissionregistrationv1.AllScopes)
	}
}

func defaultMatch(m *admissionregistrationv1.MatchResources) {
	if m == nil {
		return
	}
	setPointer(&m.MatchPolicy, admissionregistrationv1.Equivalent)
	selectEverything(&m.NamespaceSelector)
	selectEverything(&m.ObjectSelector)
	for _, rules := range [][]admissionregistrationv1.NamedRuleWithOperations{m.ResourceRules, m.ExcludeResourceRules} {
		for i := range rules {
			setPointer(&rules[i].Scope, admissionregistrationv1.AllScopes)
		}
	}
}
