package main

import (
	"fmt"
	"math"
	"strings"
)

// The plot, in pixels: panels side by side, each with room for its labels.
const (
	panelWidth, panelHeight = 260.0, 220.0
	marginLeft, marginTop   = 62.0, 40.0
	panelGap                = 70.0
	plotHeight              = marginTop + panelHeight + 66
)

// plotStyle is readable on white and on black.
const plotStyle = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.series { fill: none; stroke-width: 2 }
.real { stroke: #b35900 } .kagg { stroke: #0969da }
.dot.real { fill: #b35900 } .dot.kagg { fill: #0969da }
.bound { fill: none !important }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .grid { stroke: #3d444d }
  .real { stroke: #f0883e } .kagg { stroke: #58a6ff }
  .dot.real { fill: #f0883e } .dot.kagg { fill: #58a6ff }
}
`

// panel is one chart: a quantity by the number of APIServices, both logarithmic.
type panel struct {
	title string
	unit  unit
	of    func(sample) value
}

// plot draws the growth as SVG.
func (res *result) plot() string {
	panels := []panel{
		{"time to all merged", asTime, func(s sample) value { return s.took }},
		{"CPU", asTime, func(s sample) value { return s.cpu }},
		{"most resident memory", asMemory, func(s sample) value { return s.most }},
	}
	width := float64(len(panels)) * (marginLeft + panelWidth + panelGap - 40)
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" role="img" aria-label="Growth from 1 to 1000 APIServices">`+"\n<style>%s</style>\n", width, plotHeight, plotStyle)
	for i, p := range panels {
		_, _ = fmt.Fprintf(&b, `<g transform="translate(%.0f %.0f)">`+"\n", marginLeft+float64(i)*(marginLeft+panelWidth+panelGap-40), marginTop)
		p.draw(&b, res.growth.real, res.growth.kagg)
		b.WriteString("</g>\n")
	}
	_, _ = fmt.Fprintf(&b, `<g transform="translate(%.0f %.0f)">`, marginLeft, plotHeight-14)
	for i, name := range []string{"kube-aggregator", "kagg"} {
		class := []string{"real", "kagg"}[i]
		_, _ = fmt.Fprintf(&b, `<line class="series %[1]s" x1="%[2]d" x2="%[3]d" y1="-4" y2="-4"/><text x="%[4]d">%[5]s</text>`, class, 140*i, 140*i+20, 140*i+26, name)
	}
	b.WriteString(`<text x="260">an open circle: given up at that value</text></g>` + "\n</svg>\n")
	return b.String()
}

// draw draws the panel's axes and its two lines.
func (p panel) draw(b *strings.Builder, real, kagg []sample) {
	low, high := math.Inf(1), math.Inf(-1)
	most := 1.0
	for _, s := range append(append([]sample{}, real...), kagg...) {
		if v := p.of(s); v.known && v.number > 0 {
			low, high = min(low, math.Floor(math.Log10(v.number))), max(high, math.Ceil(math.Log10(v.number)))
			most = max(most, float64(s.groups))
		}
	}
	if math.IsInf(low, 0) {
		return
	}
	high = max(high, low+1)
	decades := max(1, math.Ceil(math.Log10(most)))
	x := func(groups float64) float64 { return panelWidth * math.Log10(groups) / decades }
	y := func(number float64) float64 { return panelHeight * (high - math.Log10(number)) / (high - low) }
	_, _ = fmt.Fprintf(b, `<text class="title" x="0" y="-14">%s</text>`+"\n", p.title)
	for e := low; e <= high; e++ {
		at := y(math.Pow(10, e))
		_, _ = fmt.Fprintf(b, `<line class="grid" x1="0" x2="%.0f" y1="%.1f" y2="%.1f"/><text x="-8" y="%.1f" text-anchor="end">%s</text>`+"\n", panelWidth, at, at, at+4, tick(p.unit, e))
	}
	for e := 0.0; e <= decades; e++ {
		at := x(math.Pow(10, e))
		_, _ = fmt.Fprintf(b, `<line class="grid" x1="%.1f" x2="%.1f" y1="0" y2="%.0f"/><text x="%.1f" y="%.0f" text-anchor="middle">%.0f</text>`+"\n", at, at, panelHeight, at, panelHeight+18, math.Pow(10, e))
	}
	_, _ = fmt.Fprintf(b, `<text x="%.0f" y="%.0f" text-anchor="middle">APIServices</text>`+"\n", panelWidth/2, panelHeight+34)
	for _, series := range []struct {
		class string
		all   []sample
	}{{"real", real}, {"kagg", kagg}} {
		var points []string
		for _, s := range series.all {
			v := p.of(s)
			if !v.known || v.number <= 0 {
				continue
			}
			points = append(points, fmt.Sprintf("%.1f,%.1f", x(float64(s.groups)), y(v.number)))
			class := "dot " + series.class
			if v.bound {
				class += " bound"
			}
			_, _ = fmt.Fprintf(b, `<circle class="%s" cx="%.1f" cy="%.1f" r="4"><title>%d: %s</title></circle>`+"\n", class, x(float64(s.groups)), y(v.number), s.groups, v.in(p.unit))
		}
		_, _ = fmt.Fprintf(b, `<polyline class="series %s" points="%s"/>`+"\n", series.class, strings.Join(points, " "))
	}
}

// tick is the label of a power of ten.
func tick(u unit, e float64) string {
	text := u.format(math.Pow(10, e))
	number, name, _ := strings.Cut(text, " ")
	if whole, part, ok := strings.Cut(number, "."); ok && strings.Trim(part, "0") == "" {
		number = whole
	}
	return number + " " + name
}
