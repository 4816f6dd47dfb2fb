package explain

import (
	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
)

// DiscoveryDecisions gives all decisions of a discovery merge, in their order.
func DiscoveryDecisions(all []discoverymerge.Decision) []Decision {
	out := make([]Decision, len(all))
	for i := range all {
		out[i] = ofDiscovery(all[i])
	}
	return out
}

// OpenAPIDecisions gives all decisions of an OpenAPI merge, in their order; area tells of which.
func OpenAPIDecisions(area Area, all []openapimerge.Decision) []Decision {
	out := make([]Decision, len(all))
	for i := range all {
		out[i] = ofOpenAPI(area, all[i])
	}
	return out
}

// DecisionsText is decisions for a person, those about one thing together, in the order of the first about each; with
// colour for a terminal.
func DecisionsText(decisions []Decision, color bool) string {
	about := map[string][]*Decision{}
	var subjects []string
	for i := range decisions {
		d := &decisions[i]
		if about[d.About] == nil {
			subjects = append(subjects, d.About)
		}
		about[d.About] = append(about[d.About], d)
	}
	p := &page{color: color}
	number := 0
	for i, subject := range subjects {
		if i > 0 {
			p.out.WriteByte('\n')
		}
		p.out.WriteString(p.paint(bold, subject) + "\n")
		for _, d := range about[subject] {
			number++
			p.decision(number, d)
		}
	}
	return p.out.String()
}
