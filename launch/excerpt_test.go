package launch

import (
	"fmt"
	"strings"
	"testing"
)

func TestExcerpt(t *testing.T) {
	t.Parallel()
	var usage strings.Builder
	for i := range 100 {
		fmt.Fprintf(&usage, "  --flag-%d string   what is unknown of --etcd\n", i)
	}
	command := []string{"./my-apiserver", "--etcd=x", "-v", "--secure-port", "8443"}
	last := func(n int) string {
		lines := strings.Split(strings.TrimSuffix(usage.String(), "\n"), "\n")
		return strings.Join(lines[len(lines)-n:], "\n")
	}
	for name, c := range map[string]struct{ printed, want string }{
		"nothing":                {"", ""},
		"few lines":              {"one\ntwo", "one\ntwo"},
		"refusal at the end":     {usage.String() + "Error: unknown flag: --etcd", "Error: unknown flag: --etcd"},
		"refusal at the start":   {"Error: unknown flag: --etcd\n" + strings.TrimSuffix(usage.String(), "\n"), "Error: unknown flag: --etcd"},
		"refusal twice":          {"Error: unknown flag: --etcd\nunknown flag: --etcd", "Error: unknown flag: --etcd\nunknown flag: --etcd"},
		"refusal of Go's flag":   {"flag provided but not defined: -etcd\n" + usage.String() + "end", "flag provided but not defined: -etcd"},
		"refusal of a shorthand": {"unknown shorthand flag: 'v' in -v\nUsage: none", "unknown shorthand flag: 'v' in -v"},
		"of another's flag":      {"unknown flag: --other\n" + strings.TrimSuffix(usage.String(), "\n"), last(15)},
		"usage alone":            {strings.TrimSuffix(usage.String(), "\n"), last(15)},
	} {
		if got := excerpt(c.printed, command); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
