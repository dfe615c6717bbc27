// Package codegen turns the models of services into the packages under api: shapes, codecs, validation, and the
// interfaces that tie an operation to its requirement.
package codegen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Model holds the facts of one service (models/<service>.json). Its form is that of botocore's service-2.json without
// documentation, cut to the operations that are served.
type Model struct {
	Metadata   Metadata              `json:"metadata"`
	Operations map[string]*Operation `json:"operations"`
	Shapes     map[string]*Shape     `json:"shapes"`
	// Unsupported names the service's other operations.
	Unsupported []string `json:"unsupported"`
}

// Metadata says how the service speaks.
type Metadata struct {
	APIVersion   string `json:"apiVersion"`
	Protocol     string `json:"protocol"` // "json", "query", "rest-json" or "rest-xml"
	JSONVersion  string `json:"jsonVersion,omitempty"`
	ServiceID    string `json:"serviceId"`
	TargetPrefix string `json:"targetPrefix,omitempty"`
	XMLNamespace string `json:"xmlNamespace,omitempty"`
}

// Operation is one operation.
type Operation struct {
	Name   string `json:"name"`
	HTTP   HTTP   `json:"http"`
	Input  *Ref   `json:"input,omitempty"`
	Output *Ref   `json:"output,omitempty"`
	Errors []*Ref `json:"errors,omitempty"`
	// AuthType is "none" for operations that callers without credentials may call.
	AuthType string `json:"authtype,omitempty"`
}

// HTTP is the binding of an operation.
type HTTP struct {
	Method       string `json:"method"`
	RequestURI   string `json:"requestUri"`
	ResponseCode int    `json:"responseCode,omitempty"`
}

// Ref refers to a shape, with the traits that the reference carries.
type Ref struct {
	Shape           string       `json:"shape"`
	ResultWrapper   string       `json:"resultWrapper,omitempty"`
	Location        string       `json:"location,omitempty"`
	LocationName    string       `json:"locationName,omitempty"`
	Flattened       bool         `json:"flattened,omitempty"`
	XMLAttribute    bool         `json:"xmlAttribute,omitempty"`
	TimestampFormat string       `json:"timestampFormat,omitempty"`
	XMLNamespace    XMLNamespace `json:"xmlNamespace,omitzero"`
}

// XMLNamespace is the namespace of an element.
type XMLNamespace struct {
	URI string `json:"uri,omitempty"`
}

// Shape is a type.
type Shape struct {
	Type            string          `json:"type"`
	Required        []string        `json:"required,omitempty"`
	Members         map[string]*Ref `json:"members,omitempty"`
	Member          *Ref            `json:"member,omitempty"`
	Key             *Ref            `json:"key,omitempty"`
	Value           *Ref            `json:"value,omitempty"`
	Enum            []string        `json:"enum,omitempty"`
	Min             *float64        `json:"min,omitempty"`
	Max             *float64        `json:"max,omitempty"`
	Pattern         string          `json:"pattern,omitempty"`
	Sensitive       bool            `json:"sensitive,omitempty"`
	Exception       bool            `json:"exception,omitempty"`
	Fault           bool            `json:"fault,omitempty"`
	Error           *WireError      `json:"error,omitempty"`
	Union           bool            `json:"union,omitempty"`
	Document        bool            `json:"document,omitempty"`
	Flattened       bool            `json:"flattened,omitempty"`
	Payload         string          `json:"payload,omitempty"`
	LocationName    string          `json:"locationName,omitempty"`
	TimestampFormat string          `json:"timestampFormat,omitempty"`

	// rePattern is Pattern in RE2's syntax, after patches.
	rePattern string
	custom    *GoType
	check     *GoFunc
	unchecked bool
	first     bool
	dropNulls bool
}

// WireError is how an error goes over the wire.
type WireError struct {
	Code           string `json:"code,omitempty"`
	HTTPStatusCode int    `json:"httpStatusCode,omitempty"`
	SenderFault    bool   `json:"senderFault,omitempty"`
}

// Facts are written by hand for each service (models/<service>.ops.json): what the model does not say.
type Facts struct {
	Package     string `json:"package"`
	SigningName string `json:"signingName"`
	EventSource string `json:"eventSource"`
	Global      bool   `json:"global,omitempty"`
	// Own is true for a model that is written here and comes from nobody's release.
	Own bool `json:"own,omitempty"`
	// TargetPrefixes are accepted beside the model's own.
	TargetPrefixes []string              `json:"targetPrefixes,omitempty"`
	Common         map[string]CommonCode `json:"common,omitempty"`
	Operations     map[string]OpFacts    `json:"operations"`
	Patches        []Patch               `json:"patches"`
}

// CommonCode overrides the wire code of a class of faults; an empty part keeps the protocol's.
type CommonCode struct {
	Code   string `json:"code,omitempty"`
	Status int    `json:"status,omitempty"`
}

// OpFacts are the facts of a served operation.
type OpFacts struct {
	Access string `json:"access"` // read or write
	Kind   string `json:"kind"`   // management or data
	// Event is the name of its audit events; empty is the operation's own.
	Event string `json:"event,omitempty"`
}

// Patch changes a shape, or one member of it, for the reason given.
type Patch struct {
	Shape  string `json:"shape"`
	Member string `json:"member,omitempty"`
	Reason string `json:"reason"`
	// Go replaces the generated type.
	Go *GoType `json:"go,omitempty"`
	// Pattern is what RE2 can express of the model's pattern; messages still show the model's.
	Pattern string `json:"pattern,omitempty"`
	// Validation "service" leaves the constraints to the service. "first" checks a member before all others, which are
	// not looked at if it fails.
	Validation string `json:"validation,omitempty"`
	// Drop leaves the bounds that it names, "min" or "max", to the service.
	Drop []string `json:"drop,omitempty"`
	// Enum is the order in which messages list the values of an enumeration.
	Enum []string `json:"enum,omitempty"`
	// Nulls "drop" leaves out the entries of a map whose value is null, instead of refusing them.
	Nulls string `json:"nulls,omitempty"`
	// Check replaces the constraints of a string by a function.
	Check *GoFunc `json:"check,omitempty"`
}

// GoFunc is a function written by hand: func(c *constraint.Checker, at, v string).
type GoFunc struct {
	Import string `json:"import"`
	Func   string `json:"func"`
}

// GoType is a type written by hand. It has DecodeJSON and AppendJSON as jsoncodec wants them.
type GoType struct {
	Import string `json:"import"`
	Type   string `json:"type"`
}

// Load reads the model and the facts of a service and applies the patches.
func Load(dir, service string) (*Model, *Facts, error) {
	var m Model
	var f Facts
	if err := readStrict(filepath.Join(dir, service+".json"), &m); err != nil {
		return nil, nil, err
	}
	if err := readStrict(filepath.Join(dir, service+".ops.json"), &f); err != nil {
		return nil, nil, err
	}
	if err := f.check(&m); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", service, err)
	}
	if err := m.patch(f.Patches); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", service, err)
	}
	return &m, &f, nil
}

func readStrict(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// check refuses operations that one file has and the other lacks, and facts that say nothing.
func (f *Facts) check(m *Model) error {
	for name := range m.Operations {
		if _, ok := f.Operations[name]; !ok {
			return fmt.Errorf("operation %s has no facts", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Operations)) {
		if m.Operations[name] == nil {
			return fmt.Errorf("operation %s is not in the model", name)
		}
		op := f.Operations[name]
		if op.Access != "read" && op.Access != "write" {
			return fmt.Errorf("operation %s: access %q is neither read nor write", name, op.Access)
		}
		if op.Kind != "management" && op.Kind != "data" {
			return fmt.Errorf("operation %s: kind %q is neither management nor data", name, op.Kind)
		}
		if slices.Contains(m.Unsupported, name) {
			return fmt.Errorf("operation %s is both served and unsupported", name)
		}
	}
	return nil
}

func (m *Model) patch(patches []Patch) error {
	for _, p := range patches {
		s := m.Shapes[p.Shape]
		switch {
		case p.Reason == "":
			return fmt.Errorf("patch of %s gives no reason", p.Shape)
		case s == nil:
			return fmt.Errorf("patch of %s: no such shape", p.Shape)
		case p.Validation != "" && p.Validation != "service" && (p.Validation != "first" || p.Member == ""):
			return fmt.Errorf("patch of %s: validation %q", p.Shape, p.Validation)
		case p.Nulls != "" && (p.Nulls != "drop" || s.Type != "map"):
			return fmt.Errorf("patch of %s: nulls %q", p.Shape, p.Nulls)
		}
		if p.Member != "" {
			ref := s.Members[p.Member]
			if ref == nil {
				return fmt.Errorf("patch of %s: no member %s", p.Shape, p.Member)
			}
			// The member gets a shape of its own, so that other uses of its type stay as they are.
			own := *m.Shapes[ref.Shape]
			name := p.Shape + p.Member + "Patched"
			m.Shapes[name] = &own
			refCopy := *ref
			refCopy.Shape = name
			s.Members[p.Member] = &refCopy
			s = &own
		}
		s.custom = p.Go
		s.rePattern = p.Pattern
		s.dropNulls = p.Nulls == "drop"
		s.unchecked, s.first, s.check = p.Validation == "service", p.Validation == "first", p.Check
		if err := s.relax(&p); err != nil {
			return fmt.Errorf("patch of %s: %w", p.Shape, err)
		}
	}
	return nil
}

// relax drops bounds and orders an enumeration as a patch says.
func (s *Shape) relax(p *Patch) error {
	for _, bound := range p.Drop {
		switch bound {
		case "min":
			s.Min = nil
		case "max":
			s.Max = nil
		default:
			return fmt.Errorf("cannot drop %q", bound)
		}
	}
	if p.Enum == nil {
		return nil
	}
	if !slices.Equal(slices.Sorted(slices.Values(p.Enum)), slices.Sorted(slices.Values(s.Enum))) {
		return fmt.Errorf("the enumeration has other values than %v", p.Enum)
	}
	s.Enum = p.Enum
	return nil
}
