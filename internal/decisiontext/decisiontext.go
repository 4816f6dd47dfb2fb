// Package decisiontext writes the decisions of the merges for people to read.
//
// In come decisions of discoverymerge and openapimerge, out comes text: a paragraph for each subject, named as kagg
// explain takes it. The package adds nothing to what a decision says, and leaves nothing out but the many who lost
// alike.
package decisiontext

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/openapimerge"
)

// Decision is a decision of either merge, in words.
type Decision struct {
	// Subject is what it is about, like "group/apps" and "definition/io.example.v1.Foo".
	Subject string
	Rule    string
	// Outcome is a sentence.
	Outcome string
	// Winner and Losers are those who took part; Winner may be empty.
	Winner string
	Losers []string
	// Upstream is where Kubernetes decides the same, Quirk the bug of it that shows.
	Upstream, Quirk string
	// Diff are lines of what differs.
	Diff string
}

// Discovery gives the decisions of a discovery merge in words.
func Discovery(decisions []discoverymerge.Decision) []Decision {
	out := make([]Decision, 0, len(decisions))
	for i := range decisions {
		d := &decisions[i]
		w := Decision{
			Subject: discoverySubject(d.Subject), Rule: string(d.Rule), Outcome: d.Outcome,
			Winner: discoveryParty(&d.Winner), Upstream: d.Upstream, Quirk: d.Quirk,
		}
		if d.Document != discoverymerge.DocumentBoth {
			w.Outcome += " (in the " + string(d.Document) + " document)"
		}
		for j := range d.Losers {
			w.Losers = append(w.Losers, discoveryParty(&d.Losers[j]))
		}
		out = append(out, w)
	}
	return out
}

func discoverySubject(s discoverymerge.Subject) string {
	switch s.Kind {
	case discoverymerge.SubjectVersion:
		return "version/" + s.Group + "/" + s.Version
	case discoverymerge.SubjectResource:
		return "resource/" + s.Resource
	case discoverymerge.SubjectGroup:
	}
	return "group/" + s.Group
}

func discoveryParty(p *discoverymerge.Party) string {
	if *p == (discoverymerge.Party{}) {
		return ""
	}
	name := cmp.Or(p.APIService, strings.Trim(p.Group+"/"+p.Version, "/"))
	if p.Resource != "" {
		name = strings.TrimSuffix(p.Resource+"."+p.Group, ".") + " of " + name
	}
	text := party(name, p.Backend)
	if p.Value != "" {
		text += ": " + p.Value
	}
	if p.Margin != 0 {
		text += ", behind by " + strconv.FormatInt(p.Margin, 10)
	}
	return text
}

func party(name, backend string) string {
	if name == "" || backend == "" {
		return name + backend
	}
	return name + " (" + backend + ")"
}

// OpenAPI gives the decisions of an OpenAPI merge in words.
func OpenAPI(decisions []openapimerge.Decision) []Decision {
	out := make([]Decision, 0, len(decisions))
	for i := range decisions {
		d := &decisions[i]
		w := Decision{
			Subject: d.Subject.Kind + "/" + strings.TrimPrefix(d.Subject.Name, "/"), Rule: string(d.Rule), Outcome: d.Outcome,
			Winner: party(d.Winner.APIService, d.Winner.Backend), Upstream: d.Upstream, Quirk: d.Quirk, Diff: d.Diff,
		}
		if d.Subject.Kind == openapimerge.KindPath {
			w.Subject = d.Subject.Kind + d.Subject.Name
		}
		if d.Count > 1 {
			w.Outcome += fmt.Sprintf(" (%d of them)", d.Count)
		}
		for _, l := range d.Losers {
			w.Losers = append(w.Losers, party(l.APIService, l.Backend))
		}
		out = append(out, w)
	}
	return out
}

// mostLosers is how many are named: a backend of a hundred APIServices loses a hundred times alike.
const mostLosers = 10

// Write writes the decisions, those of one subject together, subjects in the order of their first decision; with the
// subjects in bold for a terminal.
func Write(w io.Writer, decisions []Decision, bold bool) error {
	bySubject := map[string][]*Decision{}
	var subjects []string
	for i := range decisions {
		d := &decisions[i]
		if bySubject[d.Subject] == nil {
			subjects = append(subjects, d.Subject)
		}
		bySubject[d.Subject] = append(bySubject[d.Subject], d)
	}
	var out strings.Builder
	for i, subject := range subjects {
		if i > 0 {
			out.WriteByte('\n')
		}
		about := bySubject[subject]
		if bold {
			subject = "\x1b[1m" + subject + "\x1b[0m"
		}
		out.WriteString(subject + "\n")
		for _, d := range about {
			d.write(&out)
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (d *Decision) write(out *strings.Builder) {
	line := func(what, text string) {
		if text != "" {
			_, _ = fmt.Fprintf(out, "    %-9s %s\n", what, text)
		}
	}
	_, _ = fmt.Fprintf(out, "  %s\n", d.Outcome)
	line("rule", d.Rule)
	line("winner", d.Winner)
	for i, loser := range d.Losers {
		if i == mostLosers {
			line("", fmt.Sprintf("and %d more", len(d.Losers)-i))
			break
		}
		line("loser", loser)
	}
	line("upstream", d.Upstream)
	line("quirk", d.Quirk)
	if d.Diff == "" {
		return
	}
	line("diff", "- the winner's, + the loser's")
	for l := range strings.Lines(strings.TrimRight(d.Diff, "\n")) {
		out.WriteString("      " + strings.TrimRight(l, "\n") + "\n")
	}
}
