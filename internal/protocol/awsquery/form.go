package awsquery

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol/text"
)

// Limits of a form; no operation comes near them.
const (
	maxParams = 16384
	maxDepth  = 16 // names between dots
)

// Node is a parameter and those whose names continue its own with a dot. A nil Node is an absent one.
type Node struct {
	text     text.Value
	children map[string]*Node
}

// Parse reads application/x-www-form-urlencoded text. Parameters named twice, bytes that are not UTF-8 and forms
// over the limits are refused.
func Parse(body string) (*Node, error) {
	root := &Node{}
	if strings.Count(body, "&") >= maxParams {
		return nil, malformed("The request holds too many parameters.")
	}
	for body != "" {
		var pair string
		pair, body, _ = strings.Cut(body, "&")
		if pair == "" {
			continue
		}
		if strings.Contains(pair, ";") { // another separator to some readers, so to none
			return nil, malformed("The request holds a parameter that is not well encoded.")
		}
		key, value, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(key)
		if err != nil {
			return nil, malformed("The request holds a parameter that is not well encoded.")
		}
		value, err = url.QueryUnescape(value)
		if err != nil || !utf8.ValidString(value) || !utf8.ValidString(key) {
			return nil, malformed("The request holds a parameter that is not well encoded.")
		}
		if err := root.add(key, value); err != nil {
			return nil, err
		}
	}
	return root, nil
}

func malformed(message string) error { return fault.New(fault.Serialization, "%s", message) }

func (n *Node) add(key, value string) error {
	for depth := 0; ; depth++ {
		if depth == maxDepth {
			return malformed("The request holds a parameter that is nested too deeply.")
		}
		name, rest, more := strings.Cut(key, ".")
		child := n.children[name]
		if child == nil {
			child = &Node{}
			if n.children == nil {
				n.children = map[string]*Node{}
			}
			n.children[name] = child
		}
		n = child
		if !more {
			break
		}
		key = rest
	}
	if n.text.Set {
		return malformed("The request holds a parameter twice.")
	}
	n.text = text.Of(value)
	return nil
}

// Child is the node of a member, or nil.
func (n *Node) Child(name string) *Node {
	if n == nil {
		return nil
	}
	return n.children[name]
}

// Text is the node's own value.
func (n *Node) Text() text.Value {
	if n == nil {
		return text.Value{}
	}
	return n.text
}

// String reads an element.
func (n *Node) String() (string, error) { return n.Text().S, nil }

// Bool reads an element.
func (n *Node) Bool() (bool, error) { return n.Text().Bool() }

// Int32 reads an element.
func (n *Node) Int32() (int32, error) { return n.Text().Int32() }

// Int64 reads an element.
func (n *Node) Int64() (int64, error) { return n.Text().Int64() }

// Float32 reads an element.
func (n *Node) Float32() (float32, error) { return n.Text().Float32() }

// Float64 reads an element.
func (n *Node) Float64() (float64, error) { return n.Text().Float64() }

// Time reads an element.
func (n *Node) Time() (time.Time, error) { return n.Text().Time() }

// Blob reads an element.
func (n *Node) Blob() ([]byte, error) { return n.Text().Blob() }

// Decodable is what reads itself from a form.
type Decodable interface {
	DecodeQuery(n *Node) error
}

// Struct reads a structure by value.
func Struct[T any, P interface {
	*T
	Decodable
}](n *Node) (T, error) {
	var v T
	err := P(&v).DecodeQuery(n)
	return v, err
}

// StructPtr reads a structure, or nil when no parameter names it.
func StructPtr[T any, P interface {
	*T
	Decodable
}](n *Node) (*T, error) {
	if n == nil {
		return nil, nil
	}
	v := new(T)
	return v, P(v).DecodeQuery(n)
}

// Enum reads a string of a string type; absent reads as "".
func Enum[E ~string](n *Node) E { return E(n.Text().S) }

// EnumElem reads an element.
func EnumElem[E ~string](n *Node) (E, error) { return E(n.Text().S), nil }

// List reads Name.member.1, Name.member.2, … or, flat, Name.1, Name.2, …; gaps are closed, as AWS does. "Name=" alone is
// an empty list.
func List[T any](n *Node, flat bool, member string, elem func(*Node) (T, error)) ([]T, error) {
	if n == nil {
		return nil, nil
	}
	if !flat {
		n = n.Child(member)
	}
	indexes, err := n.indexes()
	if err != nil {
		return nil, err
	}
	list := make([]T, 0, len(indexes))
	for _, i := range indexes {
		v, err := elem(n.children[strconv.Itoa(i)])
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (n *Node) indexes() ([]int, error) {
	if n == nil {
		return nil, nil
	}
	indexes := make([]int, 0, len(n.children))
	for name := range n.children {
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || strconv.Itoa(i) != name {
			return nil, malformed("The request holds a list whose elements are not numbered.")
		}
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	return indexes, nil
}

// Map reads Name.entry.1.key and Name.entry.1.value or, flat, the same without "entry". A key given twice is refused.
func Map[T any](n *Node, flat bool, key, value string, elem func(*Node) (T, error)) (map[string]T, error) {
	if n == nil {
		return nil, nil
	}
	if !flat {
		n = n.Child("entry")
	}
	indexes, err := n.indexes()
	if err != nil {
		return nil, err
	}
	m := make(map[string]T, len(indexes))
	for _, i := range indexes {
		entry := n.children[strconv.Itoa(i)]
		k := entry.Child(key).Text()
		if !k.Set {
			return nil, malformed("The request holds an entry of a map without a key.")
		}
		if _, ok := m[k.S]; ok {
			return nil, malformed("The request holds a key of a map twice.")
		}
		if m[k.S], err = elem(entry.Child(value)); err != nil {
			return nil, err
		}
	}
	return m, nil
}
