package visible_test

import (
	"testing"

	"github.com/kagg-project/kagg/internal/visible"
)

func TestText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                          "",
		"a line\n\tof text, größer": "a line\n\tof text, größer",
		"\x1b[31mred\x1b]0;x\a":     `\x1b[31mred\x1b]0;x\x07`,
		"over\rwritten\x7f":         `over\x0dwritten\x7f`,
		"a \u009b2J c1":             `a \u009b2J c1`,
		"no \xff\xc3 text \ufffd":   `no \xff\xc3 text ` + "\ufffd",
		"\u202egnp.exe":             `\u202egnp.exe`,
	} {
		if got := visible.Text(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
