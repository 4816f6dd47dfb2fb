// Package visible makes text that others wrote fit to be shown on a terminal.
package visible

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s with every control character but newline and tabulator written as its escape sequence, \x1b for
// example, and with every byte that is no UTF-8, and every character that changes the direction of writing, likewise:
// what a backend answers is not to move a cursor, or to look like something else.
func Text(s string) string {
	if strings.IndexFunc(s, hidden) < 0 && utf8.ValidString(s) {
		return s
	}
	var out strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1, hidden(r) && r < utf8.RuneSelf:
			fmt.Fprintf(&out, `\x%02x`, s[0])
		case hidden(r):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteString(s[:size])
		}
		s = s[size:]
	}
	return out.String()
}

func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
}
