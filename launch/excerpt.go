package launch

import (
	"slices"
	"strings"
)

// excerptLines are as many as a person looks at.
const excerptLines = 15

// excerpt is what an error quotes of what a command printed: the lines that refuse a flag of its own, as usage of any
// length may stand before or after them; else the last lines.
func excerpt(printed string, command []string) string {
	lines := strings.Split(printed, "\n")
	var own []flagValue
	for _, arg := range command[1:] {
		if name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "="); strings.HasPrefix(arg, "-") && name != "" {
			own = append(own, flagValue{name: name})
		}
	}
	refusals := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		// Usage that speaks of something unknown begins with the flag that it is of.
		return strings.HasPrefix(strings.TrimSpace(line), "-") || len(refused(line, own)) == 0
	})
	if len(refusals) > 0 {
		lines = slices.Compact(refusals)
	}
	return strings.Join(lines[max(0, len(lines)-excerptLines):], "\n")
}
