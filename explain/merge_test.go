package explain_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/explain"
	"github.com/kagg-project/kagg/openapimerge"
)

func TestDecisionsText(t *testing.T) {
	t.Parallel()
	decisions := explain.DiscoveryDecisions([]discoverymerge.Decision{
		{
			Subject: discoverymerge.Subject{Kind: discoverymerge.SubjectGroup, Group: "apps"}, Rule: discoverymerge.RuleGroupPriority,
			Outcome: "apps comes before toys", Upstream: "handler.go, sort",
			Winner: discoverymerge.Party{Group: "apps", Backend: "local", Value: "groupPriorityMinimum 20"},
			Losers: []discoverymerge.Party{{APIService: "v1.toys", Group: "toys", Version: "v1", Backend: "a/b:443", Value: "groupPriorityMinimum 15", Margin: 5}},
		},
		{Subject: discoverymerge.Subject{Kind: discoverymerge.SubjectResource, Resource: "po"}, Rule: discoverymerge.RuleShortNameShadowed, Outcome: "po is pods"},
		{Subject: discoverymerge.Subject{Kind: discoverymerge.SubjectGroup, Group: "apps"}, Rule: discoverymerge.RulePreferredVersion, Outcome: "v1 is preferred"},
	})
	const want = `group apps
  1. apps comes before toys
     about     group apps, in discovery
     rule      group-priority: the group with the higher groupPriorityMinimum comes first
     winner    apps, local (groupPriorityMinimum 20)
     loser     toys/v1 of APIService v1.toys, a/b:443 (groupPriorityMinimum 15, by 5)
     upstream  handler.go, sort
  2. v1 is preferred
     about     group apps, in discovery
     rule      preferred-version: the first version of a group is its preferred one

resource name po
  3. po is pods
     about     resource name po, in discovery
     rule      short-name-shadowed: a short name gives way to a full name, and else goes to the first group that has it
`
	if d := cmp.Diff(want, explain.DecisionsText(decisions, false)); d != "" {
		t.Error(d)
	}
	if colored := explain.DecisionsText(decisions, true); !strings.HasPrefix(colored, "\x1b[1mgroup apps\x1b[0m\n") {
		t.Errorf("begins with %.40q", colored)
	}
	v2 := explain.OpenAPIDecisions(explain.AreaOpenAPIV2, []openapimerge.Decision{
		{Subject: openapimerge.Subject{Kind: openapimerge.KindPath, Name: "/x"}, Rule: openapimerge.RulePathConflict, Outcome: "dropped", Diff: "- a\n+ b\n"},
	})
	if text := explain.DecisionsText(v2, false); !strings.HasPrefix(text, "path /x\n  1. dropped\n     about     path /x, in openapi-v2\n") || !strings.Contains(text, "+ b") {
		t.Errorf("OpenAPI: %s", text)
	}
}
