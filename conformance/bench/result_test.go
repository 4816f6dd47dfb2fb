package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTargetsAreMet(t *testing.T) {
	t.Parallel()
	bound := func(n float64) value { return value{n, true, true} }
	for _, tt := range []struct {
		what         string
		line         line
		target       target
		met, isKnown bool
	}{
		{"below a number", line{kagg: known(1)}, atMost(1, absolute), true, true},
		{"above it", line{kagg: known(1.1)}, atMost(1, absolute), false, true},
		{"not measured", line{}, atMost(1, absolute), false, false},
		{"a share of the real one", line{kagg: known(1), real: known(2)}, atMost(0.5, ofReal), true, true},
		{"too large a share", line{kagg: known(1.1), real: known(2)}, atMost(0.5, ofReal), false, true},
		{"no real one", line{kagg: known(1)}, atMost(0.5, ofReal), false, false},
		{"a share of the bare one", line{kagg: known(1.3), bare: known(1)}, atMost(1.3, ofBare), true, true},
		{"a multiple", line{kagg: known(4.4), real: known(2)}, atLeast(2.2, ofReal), true, true},
		{"too small a multiple", line{kagg: known(4.3), real: known(2)}, atLeast(2.2, ofReal), false, true},
		{"the real one is even slower", line{kagg: known(1), real: bound(2)}, atMost(0.5, ofReal), true, true},
		{"the real one may be slower", line{kagg: known(2), real: bound(2)}, atMost(0.5, ofReal), false, false},
		{"kagg was given up", line{kagg: bound(2)}, atMost(1, absolute), false, true},
	} {
		if met, isKnown := tt.line.met(tt.target); met != tt.met || isKnown != tt.isKnown {
			t.Errorf("%s: met %t, known %t; want %t, %t", tt.what, met, isKnown, tt.met, tt.isKnown)
		}
	}
}

func TestNumbersAreShort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		number float64
		unit   unit
		want   string
	}{
		{0.000123456, asTime, "123 µs"}, {0.0123, asTime, "12.3 ms"}, {1.234, asTime, "1.23 s"}, {97.8, asTime, "97.8 s"},
		{476e3, asMemory, "476 kB"}, {6.2e6, asMemory, "6.20 MB"}, {8.2e9, asMemory, "8200 MB"}, {3752.4, asRate, "3752/s"},
	} {
		if got := tt.unit.format(tt.number); got != tt.want {
			t.Errorf("%g: got %s, want %s", tt.number, got, tt.want)
		}
	}
}

// The documents of the backends have what the measurements look for.
func TestDocumentsAreRecognized(t *testing.T) {
	t.Parallel()
	b, err := newBackends(3, true)
	if err != nil {
		t.Fatal(err)
	}
	d := b.each[0].current.Load()
	if got := discovered(d.discovery.body); got != 3 {
		t.Errorf("discovery lists %d groups, want 3", got)
	}
	if got := described(d.openAPI.body); got != 3 {
		t.Errorf("OpenAPI has %d groups, want 3", got)
	}
	if each := len(d.openAPI.body) / 3; each < 50_000 || each > 70_000 {
		t.Errorf("the OpenAPI of a group has %d bytes, want some 60,000", each)
	}
	if len(payload) != payloadSize {
		t.Errorf("the payload has %d bytes, want %d", len(payload), payloadSize)
	}
	name, err := b.next(0)
	if err != nil {
		t.Fatal(err)
	}
	now := b.each[0].current.Load()
	for what, pair := range map[string][2]*document{"discovery": {d.discovery, now.discovery}, "OpenAPI": {d.openAPI, now.openAPI}} {
		if strings.Contains(string(pair[0].body), name) || !strings.Contains(string(pair[1].body), name) || pair[0].etag == pair[1].etag {
			t.Errorf("%s does not show that %s is new", what, name)
		}
	}
}

// Only what is between the marks is written, and the plot is XML.
func TestDocumentIsWritten(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "performance.md")
	if err := os.WriteFile(file, []byte("before\n"+beginMeasured+"\nold\n"+endMeasured+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	res := &result{started: time.Unix(0, 0)}
	for _, n := range growthSizes {
		x := known(float64(n))
		res.growth.kagg = append(res.growth.kagg, sample{n, x, x, x.times(1e6), known(0.001)})
		res.growth.real = append(res.growth.real, sample{n, x.times(2), x.times(3), x.times(4e6), known(0.01)})
	}
	res.growth.real[3].took.bound = true
	res.addGrowth()
	for range 2 {
		if err := res.write(file, []string{"a machine"}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"before\n" + beginMeasured, "- a machine", "| 1000 | > 2000 s | 1000 s |", endMeasured + "\nafter\n", "![", "| yes |"} {
		if strings.Count(string(text), want) == 0 {
			t.Errorf("the document lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Error("what was measured before is still there")
	}
	plot, err := os.Open(strings.TrimSuffix(file, ".md") + plotSuffix)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = plot.Close() }()
	for d := xml.NewDecoder(plot); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
