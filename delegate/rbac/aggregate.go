package rbac

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Aggregate returns the rules that an aggregated ClusterRole has by those of the others: for each of its
// selectors in turn the rules of the selected roles by name, each rule once. ok is false for a ClusterRole
// without an aggregationRule. A selector that cannot be read is an error. Inputs are not changed. It behaves
// as k8s.io/kubernetes pkg/controller/clusterroleaggregation.
func Aggregate(role *rbacv1.ClusterRole, roles []*rbacv1.ClusterRole) (rules []rbacv1.PolicyRule, ok bool, err error) {
	if role.AggregationRule == nil {
		return nil, false, nil
	}
	sorted := slices.SortedFunc(slices.Values(roles), func(a, b *rbacv1.ClusterRole) int { return strings.Compare(a.Name, b.Name) })
	rules = []rbacv1.PolicyRule{}
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			return nil, false, fmt.Errorf("aggregationRule.clusterRoleSelectors[%d] of the ClusterRole %q: %w", i, role.Name, err)
		}
		for _, other := range sorted {
			if other.Name == role.Name || !selector.Matches(labels.Set(other.Labels)) {
				continue
			}
			for j := range other.Rules {
				if !slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(r, other.Rules[j]) }) {
					rules = append(rules, other.Rules[j])
				}
			}
		}
	}
	return rules, true, nil
}

// Aggregated reports whether a ClusterRole has the rules that it should have.
func Aggregated(role *rbacv1.ClusterRole, rules []rbacv1.PolicyRule) bool {
	return equality.Semantic.DeepEqual(role.Rules, rules)
}
