package explain

import (
	"slices"
	"strings"

	"github.com/kagg-project/kagg/internal/manifest"
)

const (
	// fewCandidates are so many that all of them may be named where none is near.
	fewCandidates = 5
	// mostNearest bounds how many names are offered.
	mostNearest = 3
)

// unknown is the error of a target that there is not. candidates are the names that there are.
func (e *explainer) unknown(name string, candidates []string) error {
	prefix := string(e.target.Kind) + "/"
	out := &UnknownError{Target: e.target}
	for _, n := range nearest(name, candidates) {
		out.Nearest = append(out.Nearest, prefix+strings.TrimPrefix(n, "/"))
	}
	return out
}

// nearest returns the candidates that may have been meant, at most mostNearest unless there are few of them anyway: those
// that are written like the name, those whose last word is written like the name's (a definition is known by its last
// word), and those that begin or end with it.
func nearest(name string, candidates []string) []string {
	candidates = slices.Compact(slices.Sorted(slices.Values(candidates)))
	sameShape := slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return !segmentsNear(name, c) })
	for _, found := range [][]string{
		manifest.Nearest(name, sameShape), matching(candidates, name, byLastWord), matching(candidates, name, byPart),
	} {
		if len(found) > 0 {
			return found[:min(len(found), mostNearest)]
		}
	}
	if len(candidates) <= fewCandidates {
		return candidates
	}
	return nil
}

// segmentsNear tells whether each segment of a path, or of group/version, is near its counterpart: apps is nowhere near
// nope, however much of the rest is the same.
func segmentsNear(name, candidate string) bool {
	a, b := strings.Split(name, "/"), strings.Split(candidate, "/")
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && len(manifest.Nearest(a[i], b[i:i+1])) == 0 {
			return false
		}
	}
	return true
}

func matching(candidates []string, name string, match func(name, candidate string) bool) []string {
	var out []string
	for _, c := range candidates {
		if match(name, c) {
			out = append(out, c)
		}
	}
	return out
}

// byLastWord compares what is behind the last dot.
func byLastWord(name, candidate string) bool {
	dot := strings.LastIndex(candidate, ".")
	if dot < 0 || strings.Contains(name, "/") {
		return false
	}
	a, b := name[strings.LastIndex(name, ".")+1:], candidate[dot+1:]
	return len(a) > 1 && (strings.EqualFold(a, b) || len(manifest.Nearest(a, []string{b})) > 0)
}

// byPart tells whether the candidate begins with the name, or has it behind a dot.
func byPart(name, candidate string) bool {
	name, candidate = strings.ToLower(name), strings.ToLower(candidate)
	return name != "" && (strings.HasPrefix(candidate, name) || strings.Contains(candidate, "."+name))
}
