package memkv

import (
	"bytes"
	"hash/maphash"

	"github.com/bulkhead/bulkhead/internal/kv"
)

// node is one pair of an immutable treap: ordered by key, a heap by priority, so that its depth is logarithmic without
// rebalancing. A change copies the path from the root; readers keep the version they started with.
type node struct {
	key, value  []byte
	priority    uint64
	left, right *node
}

// seed makes priorities a function of the key that nobody outside can predict.
var seed = maphash.MakeSeed()

func get(n *node, key []byte) ([]byte, bool) {
	for n != nil {
		switch c := bytes.Compare(key, n.key); {
		case c == 0:
			return n.value, true
		case c < 0:
			n = n.left
		default:
			n = n.right
		}
	}
	return nil, false
}

// insert returns the tree with key holding value. It keeps both slices.
func insert(n *node, key, value []byte) *node {
	if _, ok := get(n, key); ok {
		return replace(n, key, value)
	}
	return add(n, &node{key: key, value: value, priority: maphash.Bytes(seed, key)})
}

func replace(n *node, key, value []byte) *node {
	m := *n
	switch c := bytes.Compare(key, n.key); {
	case c == 0:
		m.value = value
	case c < 0:
		m.left = replace(n.left, key, value)
	default:
		m.right = replace(n.right, key, value)
	}
	return &m
}

func add(n, leaf *node) *node {
	if n == nil {
		return leaf
	}
	if leaf.priority > n.priority {
		leaf.left, leaf.right = split(n, leaf.key)
		return leaf
	}
	m := *n
	if bytes.Compare(leaf.key, n.key) < 0 {
		m.left = add(n.left, leaf)
	} else {
		m.right = add(n.right, leaf)
	}
	return &m
}

// split returns the trees of the keys below and above key, which is not in n.
func split(n *node, key []byte) (below, above *node) {
	if n == nil {
		return nil, nil
	}
	m := *n
	if bytes.Compare(key, n.key) < 0 {
		below, m.left = split(n.left, key)
		return below, &m
	}
	m.right, above = split(n.right, key)
	return &m, above
}

func remove(n *node, key []byte) *node {
	if _, ok := get(n, key); !ok {
		return n
	}
	c := bytes.Compare(key, n.key)
	if c == 0 {
		return join(n.left, n.right)
	}
	m := *n
	if c < 0 {
		m.left = remove(n.left, key)
	} else {
		m.right = remove(n.right, key)
	}
	return &m
}

// join returns the tree of both, all keys of a being below those of b.
func join(a, b *node) *node {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority > b.priority:
		m := *a
		m.right = join(a.right, b)
		return &m
	default:
		m := *b
		m.left = join(a, b.left)
		return &m
	}
}

// walk yields the pairs of n within r in order and reports whether yield wanted more.
func walk(n *node, r kv.Range, yield func(key, value []byte) bool) bool {
	if n == nil {
		return true
	}
	atLeast := r.Start == nil || bytes.Compare(n.key, r.Start) >= 0
	below := r.End == nil || bytes.Compare(n.key, r.End) < 0
	first, second, goFirst, goSecond := n.left, n.right, atLeast, below
	if r.Reverse {
		first, second, goFirst, goSecond = second, first, below, atLeast
	}
	if goFirst && !walk(first, r, yield) {
		return false
	}
	if atLeast && below && !yield(n.key, n.value) {
		return false
	}
	return !goSecond || walk(second, r, yield)
}
