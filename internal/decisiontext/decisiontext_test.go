package decisiontext_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/internal/decisiontext"
	"github.com/kagg-project/kagg/openapimerge"
)

func text(t *testing.T, decisions []decisiontext.Decision) string {
	t.Helper()
	var out strings.Builder
	if err := decisiontext.Write(&out, decisions, false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	got := text(t, decisiontext.Discovery([]discoverymerge.Decision{
		{
			Subject: discoverymerge.Subject{Kind: discoverymerge.SubjectGroup, Group: "apps"}, Rule: discoverymerge.RuleGroupPriority,
			Document: discoverymerge.DocumentAggregated, Outcome: "apps comes before toys", Upstream: "handler.go, sort",
			Winner: discoverymerge.Party{Group: "apps", Backend: "local", Value: "groupPriorityMinimum 20"},
			Losers: []discoverymerge.Party{{APIService: "v1.toys", Group: "toys", Version: "v1", Backend: "a/b:443", Value: "groupPriorityMinimum 15", Margin: 5}},
		},
		{
			Subject: discoverymerge.Subject{Kind: discoverymerge.SubjectResource, Resource: "po"}, Rule: discoverymerge.RuleShortNameShadowed,
			Outcome: "po is pods", Upstream: "shortcut.go, expand", Quirk: "Short",
			Winner: discoverymerge.Party{Version: "v1", Resource: "pods"},
		},
		{
			Subject: discoverymerge.Subject{Kind: discoverymerge.SubjectGroup, Group: "apps"}, Rule: discoverymerge.RulePreferredVersion, Outcome: "v1 is preferred",
		},
		{
			Subject: discoverymerge.Subject{Kind: discoverymerge.SubjectVersion, Group: "toys", Version: "v1"}, Rule: discoverymerge.RuleStale, Outcome: "it is stale",
		},
	}))
	const want = `group/apps
  apps comes before toys (in the aggregated document)
    rule      group-priority
    winner    apps (local): groupPriorityMinimum 20
    loser     v1.toys (a/b:443): groupPriorityMinimum 15, behind by 5
    upstream  handler.go, sort
  v1 is preferred
    rule      preferred-version

resource/po
  po is pods
    rule      short-name-shadowed
    winner    pods of v1
    upstream  shortcut.go, expand
    quirk     Short

version/toys/v1
  it is stale
    rule      stale
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	losers := make([]openapimerge.Party, 0, 12)
	for i := range 12 {
		losers = append(losers, openapimerge.Party{APIService: fmt.Sprintf("v%d.toys", i), Backend: "a/b:443"})
	}
	got := text(t, decisiontext.OpenAPI([]openapimerge.Decision{
		{
			Subject: openapimerge.Subject{Kind: openapimerge.KindPath, Name: "/apis/toys"}, Rule: openapimerge.RulePathConflict, Outcome: "dropped", Count: 2,
			Winner: openapimerge.Party{Backend: "local"}, Losers: losers, Upstream: "aggregator.go merge",
			Diff: "- get: 1\n+ get: 2\n",
		},
	}))
	want := `path/apis/toys
  dropped (2 of them)
    rule      path-conflict
    winner    local
`
	for i := range 10 {
		want += fmt.Sprintf("    loser     v%d.toys (a/b:443)\n", i)
	}
	want += `              and 2 more
    upstream  aggregator.go merge
    diff      - the winner's, + the loser's
      - get: 1
      + get: 2
`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestBoldSubjects(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	decisions := []decisiontext.Decision{{Subject: "group/apps", Rule: "r", Outcome: "first"}, {Subject: "group/apps", Rule: "s", Outcome: "second"}}
	if err := decisiontext.Write(&out, decisions, true); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff("\x1b[1mgroup/apps\x1b[0m\n  first\n    rule      r\n  second\n    rule      s\n", out.String()); d != "" {
		t.Error(d)
	}
}
