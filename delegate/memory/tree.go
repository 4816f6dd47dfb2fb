package memory

// node is a node of a persistent weight-balanced tree from key to value. Nodes are never changed:
// put and remove copy the path to the root, so that an old root stays a complete snapshot at the cost
// of O(log n) nodes a write. The nil node is the empty tree. The size in each node serves both the
// balance and counting the keys of a range.
type node struct {
	key         string
	value       *value
	left, right *node
	size        int
}

// The balance parameters: a subtree may weigh at most delta times its sibling, and gamma decides
// between a single and a double rotation. (3, 2) is the pair of integers for which inserting and
// deleting both keep the balance (Hirai and Yamamoto, Balancing weight-balanced trees, 2011).
const (
	delta = 3
	gamma = 2
)

func (n *node) len() int {
	if n == nil {
		return 0
	}
	return n.size
}

func join(key string, v *value, left, right *node) *node {
	return &node{key: key, value: v, left: left, right: right, size: left.len() + right.len() + 1}
}

// get returns the value at key, or nil.
func (n *node) get(key string) *value {
	for n != nil {
		switch {
		case key < n.key:
			n = n.left
		case key > n.key:
			n = n.right
		default:
			return n.value
		}
	}
	return nil
}

// put returns the tree with v at key.
func (n *node) put(key string, v *value) *node {
	switch {
	case n == nil:
		return join(key, v, nil, nil)
	case key < n.key:
		return balance(n.key, n.value, n.left.put(key, v), n.right)
	case key > n.key:
		return balance(n.key, n.value, n.left, n.right.put(key, v))
	default:
		return join(key, v, n.left, n.right)
	}
}

// remove returns the tree without key.
func (n *node) remove(key string) *node {
	switch {
	case n == nil:
		return nil
	case key < n.key:
		return balance(n.key, n.value, n.left.remove(key), n.right)
	case key > n.key:
		return balance(n.key, n.value, n.left, n.right.remove(key))
	case n.left == nil:
		return n.right
	case n.right == nil:
		return n.left
	default:
		first := n.right
		for first.left != nil {
			first = first.left
		}
		return balance(first.key, first.value, n.left, n.right.removeFirst())
	}
}

func (n *node) removeFirst() *node {
	if n.left == nil {
		return n.right
	}
	return balance(n.key, n.value, n.left.removeFirst(), n.right)
}

// balance joins two trees of which one may have gained or lost one key.
func balance(key string, v *value, left, right *node) *node {
	lw, rw := left.len()+1, right.len()+1
	switch {
	case rw > delta*lw:
		if right.left.len()+1 < gamma*(right.right.len()+1) {
			return join(right.key, right.value, join(key, v, left, right.left), right.right)
		}
		mid := right.left
		return join(mid.key, mid.value,
			join(key, v, left, mid.left),
			join(right.key, right.value, mid.right, right.right))
	case lw > delta*rw:
		if left.right.len()+1 < gamma*(left.left.len()+1) {
			return join(left.key, left.value, left.left, join(key, v, left.right, right))
		}
		mid := left.right
		return join(mid.key, mid.value,
			join(left.key, left.value, left.left, mid.left),
			join(key, v, mid.right, right))
	default:
		return join(key, v, left, right)
	}
}

// grow returns the tree of keys, which ascend, and their values.
func grow(keys []string, values []*value) *node {
	if len(keys) == 0 {
		return nil
	}
	mid := len(keys) / 2
	return join(keys[mid], values[mid], grow(keys[:mid], values[:mid]), grow(keys[mid+1:], values[mid+1:]))
}

// rank returns how many keys are less than key.
func (n *node) rank(key string) int {
	rank := 0
	for n != nil {
		if key <= n.key {
			n = n.left
			continue
		}
		rank += n.left.len() + 1
		n = n.right
	}
	return rank
}

// ascend calls f for the keys in [from, to) in order until f returns false, and reports whether it
// never did.
func (n *node) ascend(from, to string, f func(key string, v *value) bool) bool {
	if n == nil {
		return true
	}
	if from < n.key && !n.left.ascend(from, to, f) {
		return false
	}
	if n.key >= from {
		if n.key >= to {
			return true
		}
		if !f(n.key, n.value) {
			return false
		}
	}
	return n.right.ascend(from, to, f)
}
