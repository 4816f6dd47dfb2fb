package main

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"
)

// value is a measured number; the zero value was not measured.
type value struct {
	number float64
	known  bool
	// bound says that the measuring was given up: the true value is at least the number.
	bound bool
}

func known(number float64) value { return value{number: number, known: true} }

func (v value) times(factor float64) value {
	v.number *= factor
	return v
}

// in formats a value.
func (v value) in(u unit) string {
	switch {
	case !v.known:
		return "–"
	case v.bound:
		return "> " + u.format(v.number)
	default:
		return u.format(v.number)
	}
}

// unit says what a number counts.
type unit int

const (
	asTime   unit = iota // seconds
	asMemory             // bytes
	asRate
)

// format writes a number with three digits or so.
func (u unit) format(n float64) string {
	switch u {
	case asMemory:
		if n < 1e6 {
			return digits(n/1e3) + " kB"
		}
		return digits(n/1e6) + " MB"
	case asRate:
		return digits(math.Round(n)) + "/s"
	case asTime:
	}
	switch {
	case n < 1e-3:
		return digits(n*1e6) + " µs"
	case n < 1:
		return digits(n*1e3) + " ms"
	default:
		return digits(n) + " s"
	}
}

func digits(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	default:
		return fmt.Sprintf("%.2f", n)
	}
}

// reference is what a target is a multiple of.
type reference int

const (
	absolute reference = iota
	ofReal
	ofBare
)

// target is what kagg has to reach.
type target struct {
	number  float64
	of      reference
	atLeast bool
}

func atMost(number float64, of reference) target { return target{number: number, of: of} }
func atLeast(number float64, of reference) target {
	return target{number: number, of: of, atLeast: true}
}

// line is one line of the table.
type line struct {
	row, what        string
	unit             unit
	real, bare, kagg value
	targets          []target
}

// against is the value that a target is measured by.
func (l line) against(of reference) value {
	switch of {
	case ofReal:
		return l.real
	case ofBare:
		return l.bare
	default:
		return known(1)
	}
}

func (l line) text(t target) string {
	which := "≤ "
	if t.atLeast {
		which = "≥ "
	}
	switch t.of {
	case ofReal:
		return which + digits(t.number) + " × real"
	case ofBare:
		return which + digits(t.number) + " × bare"
	default:
		return which + l.unit.format(t.number)
	}
}

// met tells whether kagg reaches a target; it is not known where something was not measured, or is a bound that
// leaves it open.
func (l line) met(t target) (met, isKnown bool) {
	base := l.against(t.of)
	if !base.known || !l.kagg.known {
		return false, false
	}
	limit := base.number * t.number
	if t.atLeast {
		return l.kagg.number >= limit, !base.bound
	}
	within := l.kagg.number <= limit
	if l.kagg.bound {
		return false, !within
	}
	// The true limit is even higher where base is a bound.
	return within, within || !base.bound
}

// cells are the columns of the table.
func (l line) cells() []string {
	targets, met := make([]string, 0, len(l.targets)), make([]string, 0, len(l.targets))
	for _, t := range l.targets {
		targets = append(targets, l.text(t))
		switch ok, isKnown := l.met(t); {
		case !isKnown:
			met = append(met, "?")
		case ok:
			met = append(met, "yes")
		default:
			met = append(met, "no")
		}
	}
	return []string{
		l.what, l.real.in(l.unit), l.bare.in(l.unit), l.kagg.in(l.unit),
		ratio(l.kagg, l.real), ratio(l.kagg, l.bare), strings.Join(targets, ", "), strings.Join(met, ", "),
	}
}

// header names the columns.
var header = []string{"what", "kube-aggregator", "bare ReverseProxy", "kagg", "kagg / real", "kagg / bare", "target", "met"}

func ratio(a, b value) string {
	switch {
	case !a.known || !b.known || b.number == 0:
		return "–"
	case b.bound:
		return "< " + digits(a.number/b.number)
	default:
		return digits(a.number / b.number)
	}
}

// result is everything that was measured.
type result struct {
	started time.Time
	took    time.Duration
	lines   []line
	growth  struct{ real, kagg []sample }
}

func (res *result) add(l line) { res.lines = append(res.lines, l) }

// text is the table for a terminal.
func (res *result) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, cells := range res.cells() {
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) // into memory
	}
	_ = w.Flush()
	return b.String()
}

func (res *result) cells() [][]string {
	out := make([][]string, 0, 1+len(res.lines))
	out = append(out, header)
	for _, l := range res.lines {
		out = append(out, l.cells())
	}
	return out
}
