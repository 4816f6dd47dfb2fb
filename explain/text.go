package explain

import (
	"fmt"
	"strings"
)

// The escape sequences of a terminal.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	cyan  = "36"
)

// page writes text with or without colour.
type page struct {
	out   strings.Builder
	color bool
}

func (p *page) paint(code, text string) string {
	if !p.color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// line writes one line of a decision: what it is and what it says. Further lines of what it says are put below.
func (p *page) line(name, text string) {
	const indent = "     "
	text = strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+indent+strings.Repeat(" ", 10))
	fmt.Fprintf(&p.out, "%s%s %s\n", indent, p.paint(faint, fmt.Sprintf("%-9s", name)), text)
}

// Text is the explanation for a person; with colour for a terminal. Control characters in it, a backend's for example,
// are escaped.
func (e Explanation) Text(color bool) string {
	e = e.visible()
	p := &page{color: color}
	fmt.Fprintf(&p.out, "%s\n\n%s.\n", p.paint(bold, e.Target), oneLine(e.Outcome))
	p.troubles(e.Troubles)
	if len(e.Facts) > 0 {
		p.out.WriteString("\n" + p.paint(bold, "What it meets") + "\n")
		for _, f := range e.Facts {
			fmt.Fprintf(&p.out, "  %s %s\n", p.paint(faint, fmt.Sprintf("%-18s", f.Name)), f.Value)
		}
	}
	if len(e.Decisions) > 0 {
		p.out.WriteString("\n" + p.paint(bold, "Why") + "\n")
		for i := range e.Decisions {
			p.decision(i+1, &e.Decisions[i])
		}
	}
	if len(e.Changes) > 0 {
		p.out.WriteString("\n" + p.paint(bold, "What would change it") + "\n")
		for _, c := range e.Changes {
			fmt.Fprintf(&p.out, "  - %s: %s\n", c.Effect, c.Mend)
			for _, command := range c.Commands {
				fmt.Fprintf(&p.out, "      %s\n", strings.TrimSpace(command))
			}
		}
	}
	return p.out.String()
}

// troubles writes what is wrong and how to mend it, right below the outcome.
func (p *page) troubles(troubles []Trouble) {
	for _, t := range troubles {
		p.out.WriteByte('\n')
		for _, part := range [...]struct{ name, code, text string }{{"reason", red, t.Reason}, {"mend", green, t.Mend}} {
			if part.text != "" {
				fmt.Fprintf(&p.out, "  %s %s\n", p.paint(faint, fmt.Sprintf("%-6s", part.name)), p.paint(part.code, strings.Join(strings.Fields(part.text), " ")))
			}
		}
		for _, command := range t.Commands {
			fmt.Fprintf(&p.out, "           %s\n", strings.TrimSpace(command))
		}
	}
}

func oneLine(s string) string { return strings.TrimSuffix(strings.Join(strings.Fields(s), " "), ".") }

func (p *page) decision(number int, d *Decision) {
	fmt.Fprintf(&p.out, "%3d. %s\n", number, p.paint(bold, oneLine(d.Outcome)))
	p.line("about", fmt.Sprintf("%s, in %s", d.About, d.where()))
	p.line("rule", p.paint(cyan, d.Rule)+": "+d.Meaning)
	if d.Since != "" {
		p.line("since", d.Since)
	}
	if d.Winner != nil {
		p.line("winner", p.paint(green, d.Winner.text()))
	}
	for i := range d.Losers {
		p.line("loser", p.paint(red, d.Losers[i].text()))
	}
	if d.Renamed != "" {
		p.line("renamed", d.Renamed)
	}
	if d.Count > 1 {
		p.line("count", fmt.Sprint(d.Count))
	}
	if d.Diff != "" {
		p.line("diff", p.diff(d.Diff))
	}
	if d.Quirk != "" {
		p.line("quirk", d.Quirk+": a bug of upstream, which kagg reproduces")
	}
	if d.Upstream != "" {
		p.line("upstream", p.paint(faint, d.Upstream))
	}
}

// where is the area and, where only one document has it so, the document.
func (d *Decision) where() string {
	if d.Document == "" {
		return string(d.Area)
	}
	return fmt.Sprintf("%s, the %s document", d.Area, d.Document)
}

func (p *page) diff(diff string) string {
	lines := strings.Split(strings.TrimRight(diff, "\n"), "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "-"):
			lines[i] = p.paint(red, line)
		case strings.HasPrefix(line, "+"):
			lines[i] = p.paint(green, line)
		}
	}
	return strings.Join(lines, "\n")
}

// text is a party in one line.
func (p *Party) text() string {
	out := p.Name
	if p.APIService != "" && p.APIService != p.Name {
		out += " of APIService " + p.APIService
	}
	if p.Backend != "" && p.Backend != p.Name {
		out += ", " + p.Backend
	}
	if p.Value != "" {
		out += " (" + p.Value
		if p.Margin != 0 {
			out += fmt.Sprintf(", by %d", p.Margin)
		}
		out += ")"
	}
	return out
}
