package item

import (
	"strings"

	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/protocol/jsoncodec"
)

// maxName is the longest attribute name in bytes (DynamoDB Developer Guide, "Service, account, and table quotas").
const maxName = 65535

// transcoder turns the JSON form of attribute values into the stored encoding in one pass. Malformed JSON and values of
// another JSON type are errors at once; what is well-formed but breaks a rule of DynamoDB's is kept in bad, the first
// one only, because the service checks other things before it says so.
type transcoder struct {
	d   *jsoncodec.Decoder
	b   []byte
	bad error
}

func (t *transcoder) refuse(format string, args ...any) {
	if t.bad == nil {
		t.bad = fault.New(fault.Validation, format, args...)
	}
}

// DecodeJSON reads an attribute value: an object with one member named by the type. Errors are of class Serialization;
// see Err for the others.
func (v *Value) DecodeJSON(d *jsoncodec.Decoder) error {
	t := transcoder{d: d, b: make([]byte, 0, 64)}
	if err := t.value(0); err != nil {
		return err
	}
	*v = Value{b: t.b, err: t.bad}
	return nil
}

// DecodeJSON reads a map of attribute values. Errors are of class Serialization; see Err for the others.
func (m *Map) DecodeJSON(d *jsoncodec.Decoder) error {
	t := transcoder{d: d, b: make([]byte, 0, 512)}
	badAt, err := t.attributes(0)
	if err != nil {
		return err
	}
	*m = Map{b: t.b, err: t.bad, badAt: badAt}
	return nil
}

// attributes reads the members of a map and returns the name of the first that is refused.
func (t *transcoder) attributes(depth int) (badAt string, err error) {
	if err := t.d.OpenObject("Map"); err != nil {
		return "", err
	}
	for {
		name, more, err := t.d.NextKey()
		if err != nil || !more {
			return badAt, err
		}
		clean := t.bad == nil
		if len(name) > maxName {
			t.refuse("Attribute name is too large, must be less than %d bytes", maxName+1)
		}
		t.b = appendBytes(t.b, name)
		if err := t.value(depth); err != nil {
			return "", err
		}
		if clean && t.bad != nil {
			badAt = strings.Clone(name)
		}
	}
}

// value reads one attribute value and appends it. One that is refused is appended as NULL, so that t.b stays well
// formed.
func (t *transcoder) value(depth int) error {
	if depth >= MaxDepth && t.bad == nil {
		t.bad = errDepth()
	}
	at, types := len(t.b), 0
	if key, ok := t.d.OpenUnion(); ok {
		known, err := t.member(key, depth)
		if err != nil {
			return err
		}
		closed, err := t.d.CloseUnion(key)
		if err != nil || closed && known {
			return err
		}
		if known {
			types = 1
		}
		if closed {
			t.finish(at, 0)
			return nil
		}
	} else if err := t.d.OpenObject("Struct"); err != nil {
		return err
	}
	return t.members(at, types, depth)
}

// members reads what is left of the object of an attribute value that begins at t.b[at:] and has had so many types.
func (t *transcoder) members(at, types, depth int) error {
	for {
		key, more, err := t.d.NextKey()
		if err != nil {
			return err
		}
		if !more {
			t.finish(at, types)
			return nil
		}
		known, err := t.member(key, depth)
		if err != nil {
			return err
		}
		if known {
			types++
			if types > 1 {
				t.b = t.b[:at]
			}
		}
	}
}

// finish refuses a value with no type or several.
func (t *transcoder) finish(at, types int) {
	if types != 1 {
		t.b = append(t.b[:at], byte(Null))
	}
	if types == 0 {
		t.refuse("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
	}
	if types > 1 {
		t.refuse("Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes")
	}
}

// member reads the value of one member of the union and appends it with its tag. Members of other names and nulls are
// skipped: known is false.
func (t *transcoder) member(key string, depth int) (known bool, err error) {
	k := kindOf(key)
	if k == None {
		return false, t.d.Skip()
	}
	if t.d.ReadNull() {
		return false, nil
	}
	t.b = append(t.b, byte(k))
	switch k {
	case S:
		err = t.str()
	case N:
		err = t.number()
	case B:
		err = t.blob()
	case Bool, Null:
		err = t.truth(k)
	case M, L:
		err = t.document(k, depth+1)
	default:
		err = t.set(k)
	}
	return true, err
}

func kindOf(key string) Kind {
	switch key {
	case "S":
		return S
	case "N":
		return N
	case "B":
		return B
	case "BOOL":
		return Bool
	case "NULL":
		return Null
	case "M":
		return M
	case "L":
		return L
	case "SS":
		return SS
	case "NS":
		return NS
	case "BS":
		return BS
	}
	return None
}

func (t *transcoder) str() error {
	s, err := t.d.String()
	t.b = appendBytes(t.b, s)
	return err
}

func (t *transcoder) number() error {
	s, err := t.d.String()
	if err != nil {
		return err
	}
	z, err := ParseNumber(s)
	if err != nil && t.bad == nil {
		t.bad = err
	}
	at := len(t.b)
	t.b = z.AppendOrdered(append(t.b, 0))
	t.b[at] = byte(len(t.b) - at - 1) // at most maxOrdered
	return nil
}

func (t *transcoder) blob() error {
	p, err := t.d.Blob()
	t.b = appendBytes(t.b, p)
	return err
}

func (t *transcoder) truth(k Kind) error {
	is, err := t.d.Bool()
	switch {
	case k == Bool && is:
		t.b = append(t.b, 1)
	case k == Bool:
		t.b = append(t.b, 0)
	case err == nil && !is:
		t.refuse("One or more parameter values were invalid: Null attribute value types must have the value of true")
	}
	return err
}

// document reads an M or L; its tag is the last byte of t.b.
func (t *transcoder) document(k Kind, depth int) error {
	at := len(t.b) - 1
	t.b = append(t.b, 0, 0, 0, 0)
	var err error
	if k == M {
		_, err = t.attributes(depth)
	} else {
		err = t.list(depth)
	}
	if err != nil {
		return err
	}
	if k == M {
		sortedBody(t.b, at)
	} else {
		closeBody(t.b, at)
	}
	return nil
}

func (t *transcoder) list(depth int) error {
	if err := t.d.OpenArray("List"); err != nil {
		return err
	}
	for {
		more, err := t.d.NextElem()
		if err != nil || !more {
			return err
		}
		if err := t.value(depth); err != nil {
			return err
		}
	}
}

// set reads an SS, NS or BS; its tag is the last byte of t.b.
func (t *transcoder) set(k Kind) error {
	at := len(t.b) - 1
	t.b = append(t.b, 0, 0, 0, 0)
	if err := t.d.OpenArray("List"); err != nil {
		return err
	}
	for {
		more, err := t.d.NextElem()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch k {
		case SS:
			err = t.str()
		case NS:
			err = t.number()
		default:
			err = t.blob()
		}
		if err != nil {
			return err
		}
	}
	closeBody(t.b, at)
	if t.bad == nil {
		t.bad = checkSet(Value{b: t.b[at:]})
	}
	return nil
}

// checkSet refuses a set that is empty, has an empty member or has a member twice, and sorts it.
func checkSet(v Value) error {
	k := v.Kind()
	empty := true
	for m := range v.Members() {
		empty = false
		if len(m) > 0 {
			continue
		}
		if k == SS {
			return fault.New(fault.Validation,
				"One or more parameter values were invalid: An string set may not have a empty string as a member")
		}
		return fault.New(fault.Validation,
			"One or more parameter values were invalid: Binary sets may not contain null or empty values")
	}
	switch {
	case empty && k == BS:
		return fault.New(fault.Validation, "One or more parameter values were invalid: Binary sets should not be empty")
	case empty && k == NS:
		return fault.New(fault.Validation, "One or more parameter values were invalid: An number set  may not be empty")
	case empty:
		return fault.New(fault.Validation, "One or more parameter values were invalid: An string set  may not be empty")
	}
	switch {
	case !sortBody(k, v.body()):
		return nil
	case k == NS:
		return fault.New(fault.Validation, "Input collection contains duplicates")
	case k == BS:
		return fault.New(fault.Validation,
			"One or more parameter values were invalid: Input collection %sof type BS contains duplicates.", memberText(v))
	}
	return fault.New(fault.Validation,
		"One or more parameter values were invalid: Input collection %s contains duplicates.", memberText(v))
}

func memberText(v Value) string {
	var parts []string
	for m := range v.Members() {
		parts = append(parts, string(appendMemberText(nil, v.Kind(), m)))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
