package xmlcodec

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol/text"
)

// Limits of a document; no operation comes near them.
const (
	maxDepth = 32
	maxNodes = 1 << 16
)

// Node is an element. A nil Node is an absent one. Attributes are dropped; namespaces are ignored, as AWS's services do.
type Node struct {
	name     string
	text     strings.Builder
	children []*Node
}

func malformed(message string) error { return fault.New(fault.Serialization, "%s", message) }

// Parse reads a document. Document type declarations, and with them entities of one's own, are refused; so are invalid
// UTF-8, other encodings and documents over the limits.
func Parse(body []byte) (*Node, error) {
	if !utf8.Valid(body) {
		return nil, malformed("The request body is not valid UTF-8.")
	}
	d := xml.NewDecoder(strings.NewReader(string(body)))
	d.CharsetReader = func(string, io.Reader) (io.Reader, error) {
		return nil, errors.New("an encoding that is not UTF-8")
	}
	p := parser{}
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, malformed("The XML you provided was not well-formed or did not validate against our published schema")
		}
		if err := p.token(tok); err != nil {
			return nil, err
		}
	}
	if p.root == nil {
		return nil, malformed("The request body holds no XML element.")
	}
	return p.root, nil
}

type parser struct {
	root  *Node
	stack []*Node
	nodes int
}

func (p *parser) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return p.start(t.Name.Local)
	case xml.EndElement:
		p.stack = p.stack[:len(p.stack)-1] // the decoder matches end tags with start tags
	case xml.CharData:
		if len(p.stack) == 0 {
			if strings.TrimSpace(string(t)) != "" {
				return malformed("The request body holds text outside of its XML element.")
			}
			return nil
		}
		p.stack[len(p.stack)-1].text.Write(t)
	case xml.Directive:
		return malformed("The request body holds an XML directive.")
	}
	return nil
}

func (p *parser) start(name string) error {
	if p.nodes++; p.nodes > maxNodes {
		return malformed("The request body holds too many XML elements.")
	}
	n := &Node{name: name}
	switch {
	case len(p.stack) >= maxDepth:
		return malformed("The request body is nested too deeply.")
	case len(p.stack) > 0:
		parent := p.stack[len(p.stack)-1]
		parent.children = append(parent.children, n)
	case p.root != nil:
		return malformed("The request body holds several XML elements.")
	default:
		p.root = n
	}
	p.stack = append(p.stack, n)
	return nil
}

// Child is the first element called name, or nil.
func (n *Node) Child(name string) *Node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// Text is the element's character data.
func (n *Node) Text() text.Value {
	if n == nil {
		return text.Value{}
	}
	return text.Of(n.text.String())
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

// Decodable is what reads itself from an element.
type Decodable interface {
	DecodeXML(n *Node) error
}

// Struct reads a structure by value.
func Struct[T any, P interface {
	*T
	Decodable
}](n *Node) (T, error) {
	var v T
	err := P(&v).DecodeXML(n)
	return v, err
}

// StructPtr reads a structure, or nil for an absent element.
func StructPtr[T any, P interface {
	*T
	Decodable
}](n *Node) (*T, error) {
	if n == nil {
		return nil, nil
	}
	v := new(T)
	return v, P(v).DecodeXML(n)
}

// Enum reads a string of a string type; absent reads as "".
func Enum[E ~string](n *Node) E { return E(n.Text().S) }

// EnumElem reads an element.
func EnumElem[E ~string](n *Node) (E, error) { return E(n.Text().S), nil }

// List reads the elements called name in n. A flat list has no element of its own: when there is nothing in n, it is
// absent.
func List[T any](n *Node, name string, flat bool, elem func(*Node) (T, error)) ([]T, error) {
	if n == nil || flat && n.Child(name) == nil {
		return nil, nil
	}
	list := []T{}
	for _, c := range n.children {
		if c.name != name {
			continue
		}
		v, err := elem(c)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Map reads the entries called name in n. A key given twice is refused.
func Map[T any](n *Node, name string, flat bool, key, value string, elem func(*Node) (T, error)) (map[string]T, error) {
	if n == nil || flat && n.Child(name) == nil {
		return nil, nil
	}
	m := map[string]T{}
	for _, c := range n.children {
		if c.name != name {
			continue
		}
		k := c.Child(key).Text()
		if !k.Set {
			return nil, malformed("The request body holds an entry of a map without a key.")
		}
		if _, ok := m[k.S]; ok {
			return nil, malformed("The request body holds a key of a map twice.")
		}
		v, err := elem(c.Child(value))
		if err != nil {
			return nil, err
		}
		m[k.S] = v
	}
	return m, nil
}
