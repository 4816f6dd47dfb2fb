package explain

import (
	"slices"
	"strings"

	"github.com/kagg-project/kagg/discoverymerge"
	"github.com/kagg-project/kagg/internal/manifest"
)

const (
	// fewCandidates are so many that all of them may be named where none is near.
	fewCandidates = 5
	// mostNearest bounds how many names are offered.
	mostNearest = 3
	// mostUnread bounds how many APIServices are named whose documents were not read.
	mostUnread = 3
)

// unknown is the error of a target that there is not. candidates are the names that there are.
func (e *explainer) unknown(name string, candidates []string) error {
	prefix := string(e.target.Kind) + "/"
	out := &UnknownError{Target: e.target, Unread: e.unread()}
	for _, n := range nearest(name, candidates) {
		out.Nearest = append(out.Nearest, prefix+strings.TrimPrefix(n, "/"))
	}
	return out
}

// unread returns the targets of the APIServices that may have what is unknown: those of whose backends the documents that
// would tell were never read.
func (e *explainer) unread() []string {
	read := map[string]bool{}
	may := func(_, _ string) bool { return true }
	switch e.target.Kind {
	case KindResource:
		for _, in := range e.snapshot.DiscoveryInputs() {
			read[in.APIService] = in.Entry != nil || in.Failure == "" && (in.Form == discoverymerge.FormAggregated || in.Form == discoverymerge.FormLegacy)
		}
		if _, of, named := strings.Cut(e.target.Name, "."); named {
			may = func(group, version string) bool { return of == group || of == version+"."+group }
		}
	case KindDefinition, KindPath:
		for _, in := range e.snapshot.OpenAPIInputs() {
			read[in.APIService] = in.V2 != nil || in.V2Failure == "" && (e.target.Kind == KindDefinition || in.V3Failure == "")
		}
		if e.target.Kind == KindPath {
			may = func(group, version string) bool { return keyOfPath(e.target.Name) == openAPIKey(group, version) }
		}
	default:
		return nil
	}
	var out []string
	for i := range e.services {
		v := &e.services[i]
		if o := v.Object; !v.Local() && (!read[o.Name] || e.unasked(v)) && may(o.Spec.Group, o.Spec.Version) {
			out = append(out, string(KindAPIService)+"/"+o.Name)
		}
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
