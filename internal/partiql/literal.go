package partiql

import "github.com/bulkhead/bulkhead/internal/item"

// literal reads a value: a literal of any type but binary, or a parameter.
func (p *parser) literal() (item.Value, error) {
	if err := p.enter(); err != nil {
		return item.Value{}, err
	}
	defer p.leave()
	t := p.tok
	switch {
	case t.kind == tokString:
		p.advance()
		return item.String(t.text), nil
	case t.kind == tokNumber, is(t, "-") && p.ahead.kind == tokNumber, is(t, "+") && p.ahead.kind == tokNumber:
		return p.number()
	case p.accept("?"):
		return p.parameter()
	case p.accept("TRUE"):
		return item.Boolean(true), nil
	case p.accept("FALSE"):
		return item.Boolean(false), nil
	case p.accept("NULL"):
		return item.NullValue(), nil
	case is(t, "MISSING"):
		return item.Value{}, invalid("MISSING must be compared using IS operator")
	case p.accept("["):
		vals, err := p.elements("]")
		if err != nil {
			return item.Value{}, err
		}
		return item.List(vals...), nil
	case p.accept("<<"):
		vals, err := p.elements(">>")
		if err != nil {
			return item.Value{}, err
		}
		return item.SetOf(vals)
	case p.accept("{"):
		return p.tuple()
	}
	return item.Value{}, p.unexpected()
}

func (p *parser) number() (item.Value, error) {
	text := ""
	if p.tok.kind == tokSymbol {
		text = p.tok.text
		p.advance()
	}
	text += p.tok.text
	p.advance()
	v := item.Number(text)
	return v, v.Err()
}

func (p *parser) parameter() (item.Value, error) {
	if p.next >= len(p.values) {
		return item.Value{}, errParameters()
	}
	v := p.values[p.next]
	p.next++
	return v, nil
}

// elements reads values up to the closing symbol.
func (p *parser) elements(end string) ([]item.Value, error) {
	var vals []item.Value
	for !p.accept(end) {
		if len(vals) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		v, err := p.literal()
		if err != nil {
			return nil, err
		}
		vals = append(vals, v)
	}
	return vals, nil
}

// tuple reads the attributes of a map after its opening brace.
func (p *parser) tuple() (item.Value, error) {
	var b item.Builder
	seen := map[string]bool{}
	for !p.accept("}") {
		if len(seen) > 0 {
			if err := p.expect(","); err != nil {
				return item.Value{}, err
			}
		}
		name := p.tok
		if name.kind != tokString && name.kind != tokQuoted {
			return item.Value{}, p.unexpected()
		}
		p.advance()
		if err := p.expect(":"); err != nil {
			return item.Value{}, err
		}
		v, err := p.literal()
		if err != nil {
			return item.Value{}, err
		}
		if seen[name.text] {
			return item.Value{}, invalid("Duplicate keys in tuple. Key: %s", name.text)
		}
		seen[name.text] = true
		b.Set(name.text, v)
	}
	return b.Map().Nest(), nil
}
