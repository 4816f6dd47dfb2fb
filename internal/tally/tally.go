// Package tally is for property tests: it counts the random cases that they compared with the code that they are
// held to, and prints the counts when a package's tests end. It never decides whether a test passes.
package tally

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
)

// Tally counts cases by what they were compared with. Its zero value is ready, and safe for concurrent use.
type Tally struct {
	mu     sync.Mutex
	counts map[string]int
}

// Add counts one case that was compared with the oracle.
func (t *Tally) Add(oracle string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	t.counts[oracle]++
}

// Print writes a line for each oracle, in order of their names, and one for all; nothing when no case was counted,
// as when tests are only listed.
func (t *Tally) Print(w io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.counts) == 0 {
		return nil
	}
	all := 0
	for _, oracle := range slices.Sorted(maps.Keys(t.counts)) {
		all += t.counts[oracle]
		if _, err := fmt.Fprintf(w, "random cases compared with %s: %d\n", oracle, t.counts[oracle]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "random cases compared in all: %d\n", all)
	return err
}
