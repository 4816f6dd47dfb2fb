package memory

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func keysOf(n *node, from, to string) []string {
	keys := []string{}
	n.ascend(from, to, func(key string, _ *value) bool {
		keys = append(keys, key)
		return true
	})
	return keys
}

// checkBalance fails where a size is wrong or a subtree outweighs its sibling.
func checkBalance(t *rapid.T, n *node) {
	if n == nil {
		return
	}
	if want := n.left.len() + n.right.len() + 1; n.size != want {
		t.Fatalf("size of %q is %d, want %d", n.key, n.size, want)
	}
	lw, rw := n.left.len()+1, n.right.len()+1
	if lw > delta*rw || rw > delta*lw {
		t.Fatalf("%q has subtrees of %d and %d", n.key, n.left.len(), n.right.len())
	}
	checkBalance(t, n.left)
	checkBalance(t, n.right)
}

// The tree does what a sorted map does, stays balanced, and old roots stay as they were.
func TestTreeIsAPersistentSortedMap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var root *node
		model := map[string]*value{}
		type snapshot struct {
			root *node
			keys []string
		}
		var snapshots []snapshot
		key := rapid.StringMatching(`[a-d]{1,3}`)
		for range rapid.IntRange(1, 120).Draw(t, "operations") {
			k := key.Draw(t, "key")
			if rapid.Bool().Draw(t, "remove") {
				root = root.remove(k)
				delete(model, k)
			} else {
				v := &value{}
				root = root.put(k, v)
				model[k] = v
			}
			checkBalance(t, root)
			snapshots = append(snapshots, snapshot{root, sortedKeys(model)})
		}
		for _, s := range snapshots {
			if diff := cmp.Diff(s.keys, keysOf(s.root, "", "z")); diff != "" {
				t.Fatalf("a snapshot changed (-want +got):\n%s", diff)
			}
		}
		from, to := key.Draw(t, "from"), key.Draw(t, "to")
		want := []string{}
		for _, k := range sortedKeys(model) {
			if root.get(k) != model[k] {
				t.Fatalf("get(%q) is not what was put", k)
			}
			if k >= from && k < to {
				want = append(want, k)
			}
		}
		if diff := cmp.Diff(want, keysOf(root, from, to)); diff != "" {
			t.Fatalf("ascend(%q, %q) (-want +got):\n%s", from, to, diff)
		}
		if got := root.rank(to) - root.rank(from); from <= to && got != len(want) {
			t.Fatalf("rank(%q) - rank(%q) = %d, want %d", to, from, got, len(want))
		}
	})
}

func sortedKeys(m map[string]*value) []string {
	return slices.AppendSeq([]string{}, slices.Values(slices.Sorted(maps.Keys(m))))
}
