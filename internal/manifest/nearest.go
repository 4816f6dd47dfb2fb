package manifest

import (
	"cmp"
	"slices"
	"strings"
)

// maxNearest bounds what Nearest returns: more than three are no help.
const maxNearest = 3

// Nearest returns the candidates that name may have been meant to be, the nearest first and the
// lexically first among equals; at most three, none if nothing is near. Near is a third of its letters
// mistyped, left out, added or swapped, at least one; or, if nothing is near in that way, a beginning
// of three letters or more that one has of the other. Case is not regarded. Candidates that are given twice are returned once; name itself is never returned.
func Nearest(name string, candidates []string) []string {
	type near struct {
		name     string
		distance int
	}
	lower := strings.ToLower(name)
	var found, beginnings []near
	for _, c := range slices.Compact(slices.Sorted(slices.Values(candidates))) {
		if c == name {
			continue
		}
		lc := strings.ToLower(c)
		d := editDistance([]rune(lower), []rune(lc))
		limit := max(1, max(len(lower), len(lc))/3)
		begins := min(len(lower), len(lc)) >= 3 && (strings.HasPrefix(lc, lower) || strings.HasPrefix(lower, lc))
		switch {
		case d <= limit:
			found = append(found, near{c, d})
		case begins:
			beginnings = append(beginnings, near{c, d})
		}
	}
	if len(found) == 0 {
		found = beginnings
	}
	slices.SortStableFunc(found, func(a, b near) int { return cmp.Compare(a.distance, b.distance) })
	if len(found) == 0 {
		return nil
	}
	found = found[:min(len(found), maxNearest)]
	names := make([]string, 0, len(found))
	for _, n := range found {
		names = append(names, n.name)
	}
	return names
}

// editDistance counts the letters to change, add, leave out or swap with their neighbour to make a
// into b (optimal string alignment).
func editDistance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	before := make([]int, len(b)+1)
	for i := range a {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// didYouMean words the suggestions for a name, or gives otherwise when there are none.
func didYouMean(name string, candidates []string, otherwise string) string {
	near := Nearest(name, candidates)
	if len(near) == 0 {
		return otherwise
	}
	return "did you mean " + strings.Join(near, " or ") + "?"
}
