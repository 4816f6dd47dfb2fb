package parity

import (
	"fmt"
	"strings"
)

const documentHead = `# Conformance

<!-- Generated from testdata/conformance: cd conformance && go generate ./... -->

kagg is held to the real kube-aggregator, request by request. ` + "`make conformance`" + ` starts k8s.io/kube-aggregator
v0.37.2, assembled as a kube-apiserver assembles it, and ` + "`kagg serve --profile=upstream`" + `, or the profile
that a scenario names; both get the same APIServices, Services and EndpointSlices before backends with the same script,
and the same requests. Status, headers, trailers, body, what the backends received and the conditions of the
APIServices are compared. JSON, CBOR and OpenAPI's protobuf are compared as documents. Not compared: dates, audit IDs,
UIDs and resource versions, the values of tags that either server computes, ports, and the header Kagg-Generation.

A scenario is a folder of testdata/conformance: its scenario.yaml says what the backends answer, what is done in which
order, which requests are compared, and which differences are right. The fields are described in
conformance/internal/parity/scenario.go; to add a scenario takes no Go.
`

// Markdown describes scenarios, and the differences that they allow.
func Markdown(scenarios []Scenario) string {
	var b strings.Builder
	b.WriteString(documentHead)
	requests := 0
	for i := range scenarios {
		requests += scenarios[i].Requests()
	}
	fmt.Fprintf(&b, "\n## Scenarios\n\n%d scenarios compare %d requests.\n\n| scenario | what is compared | requests |\n| --- | --- | --- |\n", len(scenarios), requests)
	for i := range scenarios {
		s := &scenarios[i]
		fmt.Fprintf(&b, "| %s | %s | %d |\n", s.Name, cell(s.Description), s.Requests())
	}
	differences := documented(scenarios)
	fmt.Fprintf(&b, "\n## Differences on purpose\n\nThese %d are all. A difference that is not listed fails the test, and so does one that is listed and does not come up,\nunless chance decides. A * stands for anything.\n\n"+
		"| scenario | request | where | why |\n| --- | --- | --- | --- |\n", len(differences))
	for _, d := range differences {
		b.WriteString(d)
	}
	return b.String()
}

// documented are the rows of the differences: those of all scenarios first.
func documented(scenarios []Scenario) []string {
	var everywhere, own []string
	for i := range scenarios {
		for _, a := range scenarios[i].Allowed {
			name := scenarios[i].Name
			if a.Everywhere {
				if i > 0 {
					continue
				}
				name = "all"
			}
			row := fmt.Sprintf("| %s | %s | %s | %s |\n", name, code(a.Request), code(a.Where), cell(a.Reason))
			if a.Everywhere {
				everywhere = append(everywhere, row)
			} else {
				own = append(own, row)
			}
		}
	}
	return append(everywhere, own...)
}

// cell is text that does not end a table's cell.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}

func code(text string) string { return "`" + cell(text) + "`" }
