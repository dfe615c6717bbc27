package saml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"

	"github.com/beevik/etree"
	rtvalidator "github.com/mattermost/xml-roundtrip-validator"
)

// parse reads an XML document strictly: UTF-8, no document type and so no entities, no processing instructions, no
// comments unless comments is true, bounded in size, depth and number. It refuses what Go's decoder and encoder would
// read differently.
func parse(text []byte, most int, comments bool) (*etree.Element, error) {
	if len(text) > most {
		return nil, fmt.Errorf("saml: the document is over %d bytes", most)
	}
	if err := scan(text, comments); err != nil {
		return nil, err
	}
	if err := rtvalidator.Validate(bytes.NewReader(text)); err != nil {
		return nil, fmt.Errorf("saml: the document is ambiguous: %w", err)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(text); err != nil {
		return nil, fmt.Errorf("saml: no XML: %w", err)
	}
	root := doc.Root()
	if root == nil {
		return nil, errors.New("saml: no XML")
	}
	return root, uniqueIDs(root)
}

// scan looks at every token before a tree is made of them.
func scan(text []byte, comments bool) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	depth, elements, roots := 0, 0, 0
	var scope []int // how many attributes each open element and those around it have
	for first := true; ; first = false {
		t, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("saml: no XML: %w", err)
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth, elements = depth+1, elements+1
			around := 0
			if len(scope) > 0 {
				around = scope[len(scope)-1]
			}
			if scope = append(scope, around+len(t.Attr)); around+len(t.Attr) > maxInScope {
				return errors.New("saml: the document is out of bounds")
			}
			if err := uniqueAttributes(t.Attr); err != nil {
				return err
			}
		case xml.EndElement:
			depth--
			scope = scope[:max(len(scope)-1, 0)]
		case xml.Directive:
			return errors.New("saml: a document type is not allowed")
		case xml.ProcInst:
			if !first || t.Target != "xml" {
				return errors.New("saml: a processing instruction is not allowed")
			}
		case xml.Comment:
			if !comments {
				return errors.New("saml: a comment is not allowed")
			}
		}
		if depth < 0 || depth > maxDepth || elements > maxElements || roots > 1 {
			return errors.New("saml: the document is out of bounds")
		}
	}
	if depth != 0 || roots != 1 {
		return errors.New("saml: the document does not end")
	}
	return nil
}

func uniqueAttributes(attrs []xml.Attr) error {
	for i, a := range attrs {
		for _, b := range attrs[:i] {
			if a.Name == b.Name {
				return errors.New("saml: an attribute is there twice")
			}
		}
	}
	return nil
}

// uniqueIDs refuses a document in which two elements have the same ID: a reference must name one.
func uniqueIDs(root *etree.Element) error {
	seen := map[string]bool{}
	var walk func(*etree.Element) error
	walk = func(el *etree.Element) error {
		for _, a := range el.Attr {
			if a.Key != "ID" && a.Key != "Id" && a.Key != "id" {
				continue
			}
			if a.Value == "" || len(a.Value) > maxIDLength || seen[a.Value] {
				return errors.New("saml: an ID is there twice or is none")
			}
			seen[a.Value] = true
		}
		for _, c := range el.ChildElements() {
			if err := walk(c); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(root)
}

// is reports whether an element has the name.
func is(el *etree.Element, namespace, tag string) bool {
	return el != nil && el.Tag == tag && el.NamespaceURI() == namespace
}

// children are the child elements of the name.
func children(el *etree.Element, namespace, tag string) []*etree.Element {
	var out []*etree.Element
	for _, c := range el.ChildElements() {
		if is(c, namespace, tag) {
			out = append(out, c)
		}
	}
	return out
}

// one returns the only child of the name; none is nil.
func one(el *etree.Element, namespace, tag string) (*etree.Element, error) {
	list := children(el, namespace, tag)
	switch len(list) {
	case 0:
		return nil, nil
	case 1:
		return list[0], nil
	}
	return nil, fmt.Errorf("saml: more than one %s", tag)
}

// text serializes an element with its namespaces.
func text(el *etree.Element) ([]byte, error) {
	doc := etree.NewDocumentWithRoot(el)
	b, err := doc.WriteToBytes()
	if err != nil {
		return nil, fmt.Errorf("saml: write: %w", err)
	}
	return b, nil
}
