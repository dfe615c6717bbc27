package partiql

import (
	"strings"

	"github.com/bulkhead/bulkhead/internal/item"
)

func (p *parser) statement() (*Statement, error) {
	switch {
	case is(p.tok, "SELECT"):
		return p.selection()
	case p.accept("INSERT"):
		return p.insert()
	case p.accept("UPDATE"):
		return p.update()
	case p.accept("DELETE"):
		return p.delete()
	case p.accept("EXISTS"):
		if err := p.expect("("); err != nil {
			return nil, err
		}
		s, err := p.selection()
		if err != nil {
			return nil, err
		}
		s.Kind = Exists
		return s, p.expect(")")
	}
	return nil, malformed("Expected data manipulation")
}

func (p *parser) selection() (*Statement, error) {
	s := &Statement{Kind: Select}
	if err := p.expect("SELECT"); err != nil {
		return nil, err
	}
	if err := p.columns(s); err != nil {
		return nil, err
	}
	if err := p.expect("FROM"); err != nil {
		return nil, err
	}
	var err error
	if s.Table, err = p.name(); err != nil {
		return nil, err
	}
	if p.accept(".") {
		if s.Index, err = p.name(); err != nil {
			return nil, err
		}
	}
	switch {
	case is(p.tok, "."):
		return nil, invalid("A path may contain at most 2 components in the FROM clause")
	case is(p.tok, ","):
		return nil, invalid("Only select from a single table or index is supported.")
	case p.tok.kind == tokQuoted, p.tok.kind == tokIdent && (is(p.tok, "AS") || !reserved(p.tok) && !clause(p.tok)):
		return nil, invalid("Aliasing is not supported")
	}
	if err := p.where(s); err != nil {
		return nil, err
	}
	return s, p.order(s)
}

// clause reports whether the token begins a clause that SQL has and DynamoDB has not.
func clause(t token) bool {
	return is(t, "GROUP") || is(t, "HAVING") || is(t, "LIMIT") || is(t, "OFFSET")
}

func (p *parser) columns(s *Statement) error {
	if p.accept("*") {
		if is(p.tok, ",") {
			return invalid("Other attributes should not be present in the projection when '*' is used.")
		}
		return nil
	}
	var paths []item.Path
	for {
		path, err := p.path()
		switch {
		case err != nil:
			return err
		case is(p.tok, "("):
			return invalid("Unrecognized function: %s", path.Top())
		case is(p.tok, "AS"), p.tok.kind == tokQuoted, p.tok.kind == tokIdent && !reserved(p.tok):
			return invalid("Aliasing is not supported")
		}
		paths = append(paths, path)
		if !p.accept(",") {
			break
		}
		if is(p.tok, "*") {
			return invalid("Other attributes should not be present in the projection when '*' is used.")
		}
	}
	var err error
	s.Columns, err = item.Columns(paths)
	return err
}

// where reads a WHERE clause if there is one.
func (p *parser) where(s *Statement) error {
	if p.tok.kind == tokIdent && clause(p.tok) {
		return invalid("Unsupported clause: %s", strings.ToUpper(p.tok.text))
	}
	if !p.accept("WHERE") {
		return nil
	}
	var err error
	s.Where, err = p.condition()
	return err
}

func (p *parser) order(s *Statement) error {
	if p.tok.kind == tokIdent && clause(p.tok) {
		return invalid("Unsupported clause: %s", strings.ToUpper(p.tok.text))
	}
	if !p.accept("ORDER") {
		return nil
	}
	if err := p.expect("BY"); err != nil {
		return err
	}
	for {
		name, err := p.name()
		if err != nil {
			return err
		}
		o := Order{Attribute: name, Descending: p.accept("DESC")}
		if !o.Descending {
			p.accept("ASC")
		}
		s.Order = append(s.Order, o)
		if !p.accept(",") {
			return nil
		}
	}
}

func (p *parser) insert() (*Statement, error) {
	s := &Statement{Kind: Insert}
	if err := p.expect("INTO"); err != nil {
		return nil, err
	}
	if err := p.table(s); err != nil {
		return nil, err
	}
	if is(p.tok, "(") || is(p.tok, "VALUES") {
		return nil, invalid("Unsupported operation: Inserting multiple items in a single statement is not supported, use " +
			"\"INSERT INTO tableName VALUE item\" instead")
	}
	if err := p.expect("VALUE"); err != nil {
		return nil, err
	}
	if !is(p.tok, "{") {
		return nil, invalid("Unsupported format in item expression. Please use struct format {...} to express item values for insert statement.")
	}
	v, err := p.literal()
	if err != nil {
		return nil, err
	}
	s.Item = v.Map()
	switch {
	case !s.Item.WellFormed():
		return nil, invalid("Nesting Levels have exceeded supported limits")
	case is(p.tok, "RETURNING"):
		return nil, invalid("RETURNING is not supported in INSERT")
	case is(p.tok, "ON"):
		return nil, invalid("Unsupported clause: ON CONFLICT")
	}
	return s, nil
}

// table reads the one table of a statement that writes.
func (p *parser) table(s *Statement) error {
	var err error
	if s.Table, err = p.name(); err != nil {
		return err
	}
	if is(p.tok, ".") {
		return invalid("This operation is not supported on an index")
	}
	return nil
}

func (p *parser) delete() (*Statement, error) {
	s := &Statement{Kind: Delete}
	if err := p.expect("FROM"); err != nil {
		return nil, err
	}
	if err := p.table(s); err != nil {
		return nil, err
	}
	if err := p.where(s); err != nil {
		return nil, err
	}
	text, err := p.returning(s)
	if err == nil && s.Returning != "" && s.Returning != "ALL_OLD" {
		return nil, invalid("Invalid returning clause: RETURNING %s *. Only RETURNING ALL OLD * is allowed in DELETE statements.", text)
	}
	return s, err
}

// returning reads a RETURNING clause if there is one, and returns its words.
func (p *parser) returning(s *Statement) (string, error) {
	if !p.accept("RETURNING") {
		return "", nil
	}
	var what, old string
	switch {
	case p.accept("ALL"):
		what, old = "ALL", "ALL_"
	case p.accept("MODIFIED"):
		what, old = "MODIFIED", "UPDATED_"
	default:
		return "", p.unexpected()
	}
	which := strings.ToUpper(p.tok.text)
	if !p.accept("OLD") && !p.accept("NEW") {
		return "", p.unexpected()
	}
	if !p.accept("*") {
		return "", invalid("Expected '*' after ( MODIFIED | ALL ) ( NEW | OLD ) in RETURNING clause")
	}
	if is(p.tok, ",") {
		return "", invalid("Invalid syntax with multiple returning elements in RETURNING clause")
	}
	s.Returning = Returning(old + which)
	return what + " " + which, nil
}

func (p *parser) update() (*Statement, error) {
	s := &Statement{Kind: Update, Update: &item.Update{}}
	p.functions = updateFunctions
	if err := p.table(s); err != nil {
		return nil, err
	}
	if !is(p.tok, "SET") && !is(p.tok, "REMOVE") {
		return nil, p.unexpected()
	}
	for {
		action := p.assign
		switch {
		case p.accept("SET"):
		case p.accept("REMOVE"):
			action = p.remove
		default:
			return s, p.endUpdate(s)
		}
		for {
			if err := action(s.Update); err != nil {
				return nil, err
			}
			if !p.accept(",") {
				break
			}
		}
	}
}

func (p *parser) endUpdate(s *Statement) error {
	if err := s.Update.Check(); err != nil {
		return err
	}
	p.functions = conditionFunctions
	if err := p.where(s); err != nil {
		return err
	}
	_, err := p.returning(s)
	return err
}

func (p *parser) remove(u *item.Update) error {
	path, err := p.path()
	if err == nil {
		u.Remove(path)
	}
	return err
}

func (p *parser) assign(u *item.Update) error {
	path, err := p.path()
	if err != nil {
		return err
	}
	if err := p.expect("="); err != nil {
		return err
	}
	if p.tok.kind == tokIdent && is(p.ahead, "(") {
		switch strings.ToLower(p.tok.text) {
		case "set_add":
			return p.setOperation(path, "ADD", u.Add)
		case "set_delete":
			return p.setOperation(path, "DELETE", u.Delete)
		}
	}
	value, err := p.term()
	if err != nil {
		return err
	}
	if op := p.tok.text; is(p.tok, "+") || is(p.tok, "-") {
		p.advance()
		right, err := p.term()
		if err != nil {
			return err
		}
		if value, err = item.Arithmetic(op, value, right); err != nil {
			return err
		}
	}
	u.Set(path, value)
	return nil
}

// setOperation reads set_add(path, set) or set_delete(path, set).
func (p *parser) setOperation(path item.Path, name string, do func(item.Path, item.Value) error) error {
	p.advance()
	p.advance()
	args, err := p.arguments()
	switch {
	case err != nil:
		return err
	case len(args) != 2:
		return invalid("SET_%s must have exactly two arguments", name)
	case !args[0].Path().Equal(path):
		return invalid("The first argument to SET_%s must equal the assignment value", name)
	}
	v := args[1].Constant()
	if k := v.Kind(); k != item.SS && k != item.NS && k != item.BS {
		return invalid("The second argument to SET_%s must be a value with type SET", name)
	}
	return do(path, v)
}

// arguments reads the operands of a function up to its closing parenthesis.
func (p *parser) arguments() ([]item.Expr, error) {
	var args []item.Expr
	for !p.accept(")") {
		if len(args) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		e, err := p.term()
		if err != nil {
			return nil, err
		}
		args = append(args, e)
	}
	return args, nil
}
