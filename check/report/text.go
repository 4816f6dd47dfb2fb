package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/kagg-project/kagg/check"
	"github.com/kagg-project/kagg/internal/visible"
)

// width is how long lines of prose are.
const width = 100

// Colours, by severity, and what ends them.
var colours = map[check.Severity]string{check.SeverityError: "\x1b[1;31m", check.SeverityWarning: "\x1b[1;33m", check.SeverityInfo: "\x1b[1;36m"}

const plain = "\x1b[0m"

// writeText writes the findings by code, with what they have in common once, and counts them.
func (r Report) writeText(w io.Writer) error {
	titles := map[string]string{}
	for _, c := range r.Checks {
		titles[c.Code] = c.Title
	}
	var b strings.Builder
	counts := map[check.Severity]int{}
	for start := 0; start < len(r.Findings); {
		end := start
		for end < len(r.Findings) && r.Findings[end].Code == r.Findings[start].Code {
			counts[r.Findings[end].Severity]++
			end++
		}
		r.writeCode(&b, titles[r.Findings[start].Code], r.Findings[start:end])
		start = end
	}
	var summary []string
	for _, s := range check.Severities() {
		if n := counts[s]; n > 0 {
			summary = append(summary, counted(n, string(s)))
		}
	}
	if len(summary) == 0 {
		summary = []string{"no findings"}
	}
	b.WriteString(strings.Join(summary, ", ") + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// writeCode writes the findings of one check.
func (r Report) writeCode(b *strings.Builder, title string, findings []check.Finding) {
	first := findings[0]
	severity := string(first.Severity)
	if r.Colour {
		severity = colours[first.Severity] + severity + plain
	}
	fmt.Fprintf(b, "%s %s %s: %s\n", severity, first.Code, first.Name, title)
	alike := true
	for _, f := range findings {
		alike = alike && f.Mend == first.Mend
	}
	for _, f := range findings {
		fmt.Fprintf(b, "  %s\n    %s\n", visible.Text(placed(f.Where)), strings.ReplaceAll(visible.Text(f.Message), "\n", "\n    "))
		if !alike {
			wrap(b, "    ", "mend: "+visible.Text(f.Mend))
		}
	}
	wrap(b, "  ", "why: "+first.Why)
	if alike {
		wrap(b, "  ", "mend: "+visible.Text(first.Mend))
	}
	b.WriteString("\n")
}

// wrap writes prose in lines that are not too long, where words allow.
func wrap(b *strings.Builder, indent, text string) {
	line := indent
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && strings.TrimSpace(line) != "" {
			b.WriteString(line + "\n")
			line = indent + "  "
		}
		if strings.TrimSpace(line) != "" {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
}
