package explain

import (
	"slices"

	"github.com/kagg-project/kagg/internal/visible"
)

// visible is the explanation with what others wrote made fit for a terminal: the texts that quote a backend, a
// document or the command line.
func (e Explanation) visible() Explanation {
	e.Target, e.Outcome = visible.Text(e.Target), visible.Text(e.Outcome)
	e.Troubles = slices.Clone(e.Troubles)
	for i, t := range e.Troubles {
		e.Troubles[i] = Trouble{visible.Text(t.Reason), visible.Text(t.Mend), visibleLines(t.Commands)}
	}
	e.Facts = slices.Clone(e.Facts)
	for i, f := range e.Facts {
		e.Facts[i] = Fact{visible.Text(f.Name), visible.Text(f.Value)}
	}
	e.Decisions = slices.Clone(e.Decisions)
	for i := range e.Decisions {
		d := &e.Decisions[i]
		d.About, d.Outcome, d.Renamed, d.Diff = visible.Text(d.About), visible.Text(d.Outcome), visible.Text(d.Renamed), visible.Text(d.Diff)
		if d.Winner != nil {
			winner := d.Winner.visible()
			d.Winner = &winner
		}
		d.Losers = slices.Clone(d.Losers)
		for l := range d.Losers {
			d.Losers[l] = d.Losers[l].visible()
		}
	}
	e.Changes = slices.Clone(e.Changes)
	for i := range e.Changes {
		c := &e.Changes[i]
		c.Effect, c.Mend, c.Commands = visible.Text(c.Effect), visible.Text(c.Mend), visibleLines(c.Commands)
	}
	return e
}

func visibleLines(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = visible.Text(line)
	}
	return out
}

func (p Party) visible() Party {
	p.Name, p.APIService, p.Backend, p.Value = visible.Text(p.Name), visible.Text(p.APIService), visible.Text(p.Backend), visible.Text(p.Value)
	return p
}
