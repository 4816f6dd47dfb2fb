package rbac

import (
	"context"
	"fmt"
	"sync/atomic"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Authorizer decides by the newest [Index]. The zero value knows no rule, so has no opinion on anything. It
// is safe for concurrent use and takes no lock.
type Authorizer struct{ index atomic.Pointer[Index] }

var (
	_ authorizer.Authorizer   = &Authorizer{}
	_ authorizer.RuleResolver = &Authorizer{}
)

var empty = NewIndex(Objects{})

func (a *Authorizer) current() *Index {
	if x := a.index.Load(); x != nil {
		return x
	}
	return empty
}

// Set makes decisions follow an index from now on.
func (a *Authorizer) Set(x *Index) { a.index.Store(x) }

// Authorize allows what a rule of the user allows, with the reason in the words of a kube-apiserver; it has no
// opinion on the rest, with the roles that are missing as the reason. It returns no error. It behaves as
// k8s.io/kubernetes plugin/pkg/auth/authorizer/rbac; where several rules allow, the reason is the first
// binding by name, and there any of them.
func (a *Authorizer) Authorize(_ context.Context, attributes authorizer.Attributes) (authorizer.Decision, string, error) {
	var missing []error
	for _, g := range a.current().grants(attributes.GetUser(), attributes.GetNamespace()) {
		for i := range g.rules {
			if Allows(&g.rules[i], attributes) {
				return authorizer.DecisionAllow, "RBAC: allowed by " + g.String(), nil
			}
		}
		if g.missing != nil {
			missing = append(missing, g.missing)
		}
	}
	if len(missing) > 0 {
		return authorizer.DecisionNoOpinion, fmt.Sprintf("RBAC: %v", utilerrors.NewAggregate(missing)), nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// ConditionsAwareAuthorize is Authorize: a rule has no conditions.
func (a *Authorizer) ConditionsAwareAuthorize(ctx context.Context, attributes authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(a.Authorize(ctx, attributes))
}

// EvaluateConditions refuses: there are none.
func (*Authorizer) EvaluateConditions(context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", authorizer.ErrorConditionEvaluationNotSupported
}

// RulesFor lists a user's rules in a namespace for a SelfSubjectRulesReview. They are complete unless roles
// are missing, which is the error.
func (a *Authorizer) RulesFor(_ context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	rules, err := a.current().RulesFor(u, namespace)
	var resources []authorizer.ResourceRuleInfo
	var others []authorizer.NonResourceRuleInfo
	for i := range rules {
		r := &rules[i]
		if len(r.Resources) > 0 {
			resources = append(resources, &authorizer.DefaultResourceRuleInfo{
				Verbs: r.Verbs, APIGroups: r.APIGroups, Resources: r.Resources, ResourceNames: r.ResourceNames,
			})
		}
		if len(r.NonResourceURLs) > 0 {
			others = append(others, &authorizer.DefaultNonResourceRuleInfo{Verbs: r.Verbs, NonResourceURLs: r.NonResourceURLs})
		}
	}
	return resources, others, false, err
}
