package check

import (
	"fmt"
	"strings"
)

const markdownHead = `# The checks

<!-- Generated from the checks themselves: go generate ./check -->

` + "What `kagg check` finds, each with a code that never changes its meaning. An **error** breaks somebody now, a **warning**\n" +
	"breaks somebody in a cluster, with another client, or later, and an **info** is worth knowing and may be meant. `--only` and\n" +
	"`--disable` take codes and names.\n" + `
Where one thing is the cause of several findings, the cause alone is told: a backend whose certificate is not good has that
finding, and none for each request that fails for it.

A check that connects also asks the backend without a certificate, with one that nobody signed and with a token that is
nobody's, to see that it refuses them. The backend's log then has lines like "Unable to authenticate the request": they are
from the check, and mean that all is well.
`

// titles are the areas' for people.
var titles = map[Area]string{
	AreaObjects: "Objects", AreaTrust: "Trust", AreaDiscovery: "Discovery", AreaOpenAPI: "OpenAPI", AreaBehaviour: "Behaviour",
}

// Markdown describes checks, which are in the order of their codes, as docs/checks.md does.
func Markdown(checks []Check) string {
	var b strings.Builder
	b.WriteString(markdownHead + "\n| code | name | severity | what is wrong |\n| --- | --- | --- | --- |\n")
	for _, c := range checks {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s | %s |\n", c.Code, c.Anchor(), c.Name, c.Severity, c.Title)
	}
	var last Area
	for _, c := range checks {
		if c.Area != last {
			last = c.Area
			fmt.Fprintf(&b, "\n## %s\n", titles[c.Area])
		}
		b.WriteString("\n" + c.Page())
	}
	return b.String()
}

// Anchor is the fragment of the check's section in docs/checks.md.
func (c Check) Anchor() string { return strings.ToLower(c.Code) + "-" + c.Name }

// Page describes the check in Markdown.
func (c Check) Page() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s\n\n%s: %s.\n\n%s\n\n%s\n", c.Code, c.Name, strings.ToUpper(string(c.Severity[:1]))+string(c.Severity[1:]), c.Title, c.Why, c.Mend)
	fmt.Fprintf(&b, "\nFailing:\n\n```text\n%s\n```\n\nMended:\n\n```text\n%s\n```\n", c.Failing, c.Mended)
	if c.Upstream != "" {
		fmt.Fprintf(&b, "\nIn Kubernetes: %s.\n", c.Upstream)
	}
	return b.String()
}
