package explain_test

import (
	"regexp"
	"testing"

	"github.com/kagg-project/kagg/aggregator"
	"github.com/kagg-project/kagg/availability"
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
	"github.com/kagg-project/kagg/proxy"
)

// place is how every rule says where upstream has it, so that one looks alike beside the other.
var place = regexp.MustCompile(`^(k8s\.io(/[a-z0-9_.-]+)+\.go, [A-Za-z0-9]+(\.[A-Za-z0-9]+)?|nowhere: only kagg has it)$`)

func TestUpstreamHasOneForm(t *testing.T) {
	t.Parallel()
	tables := map[string]map[string]string{"discoverymerge": {}, "openapimerge": {}, "availability": {}, "proxy": {}, "routing": {}, "authorization": {}}
	for _, r := range discoverymerge.Rules() {
		tables["discoverymerge"][string(r.Name)] = r.Upstream
	}
	for _, r := range openapimerge.Rules() {
		tables["openapimerge"][string(r.Rule)] = r.Upstream
	}
	for _, r := range availability.Reasons() {
		tables["availability"][r.Reason] = r.Upstream
	}
	for _, r := range proxy.RuleInfos() {
		tables["proxy"][r.Name] = r.Upstream
	}
	for _, r := range aggregator.RoutingRules() {
		tables["routing"][string(r.Rule)] = r.Upstream
	}
	for _, r := range aggregator.AuthorizationRules() {
		tables["authorization"][r.Rule] = r.Upstream
	}
	for table, rules := range tables {
		if len(rules) == 0 {
			t.Errorf("%s has no rules", table)
		}
		for rule, upstream := range rules {
			if !place.MatchString(upstream) {
				t.Errorf("%s: rule %s is upstream at %q, want MODULE/PATH/FILE.go, FUNCTION", table, rule, upstream)
			}
		}
	}
}
