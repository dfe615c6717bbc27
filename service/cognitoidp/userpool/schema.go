package userpool

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// Limits of attributes ("Working with user attributes", Amazon Cognito Developer Guide). The number of custom attributes
// follows "Quotas in Amazon Cognito".
const (
	MaxCustomAttributes = 50
	MaxAttributeValue   = 2048
	maxCustomName       = 20
)

// The prefixes of attributes beside the standard ones; DevPrefix is of those that only administrators see.
const (
	customPrefix = "custom:"
	DevPrefix    = "dev:"
)

// Attribute is one of a pool's schema, under its full name.
type Attribute struct {
	Name     string
	Type     api.AttributeDataType
	Mutable  bool
	Required bool
	// DeveloperOnly attributes are for Admin operations ("dev:custom:…").
	DeveloperOnly bool
	// MinLength and MaxLength bound a string, Min and Max a number; "" is no bound.
	MinLength, MaxLength, Min, Max string
}

func (a *Attribute) custom() bool {
	return strings.HasPrefix(a.Name, customPrefix) || strings.HasPrefix(a.Name, DevPrefix)
}

// StandardAttributes are OpenID Connect's, with Cognito's bounds.
func StandardAttributes() []Attribute {
	text := func(name string) Attribute {
		return Attribute{Name: name, Type: api.AttributeDataTypeString, Mutable: true, MinLength: "0", MaxLength: "2048"}
	}
	flag := func(name string) Attribute {
		return Attribute{Name: name, Type: api.AttributeDataTypeBoolean, Mutable: true}
	}
	birth := text("birthdate")
	birth.MinLength, birth.MaxLength = "10", "10"
	sub := Attribute{Name: "sub", Type: api.AttributeDataTypeString, Required: true, MinLength: "1", MaxLength: "2048"}
	return []Attribute{
		sub, text("name"), text("given_name"), text("family_name"), text("middle_name"), text("nickname"),
		text("preferred_username"), text("profile"), text("picture"), text("website"), text("email"),
		flag("email_verified"), text("gender"), birth, text("zoneinfo"), text("locale"), text("phone_number"),
		flag("phone_number_verified"), text("address"),
		{Name: "updated_at", Type: api.AttributeDataTypeNumber, Mutable: true, Min: "0"},
	}
}

// ExtendSchema adds attributes to a schema: settings of standard ones when a pool is made, custom ones then and later.
func ExtendSchema(schema []Attribute, add []api.SchemaAttributeType, later bool) ([]Attribute, error) {
	out := slices.Clone(schema)
	for i := range add {
		a := &add[i]
		name := opt.Value(a.Name)
		if name == "" {
			return nil, refusal.Invalid("An attribute of the schema has no name.")
		}
		if at := AttributeIndex(out, name); at >= 0 && !later {
			if err := setStandard(&out[at], a); err != nil {
				return nil, err
			}
			continue
		}
		added, err := newCustom(a)
		if err != nil {
			return nil, err
		}
		if AttributeIndex(out, added.Name) >= 0 {
			return nil, refusal.Invalid("%s: Existing attribute already has name %s.", added.Name, added.Name)
		}
		out = append(out, added)
	}
	if n := countCustom(out); n > MaxCustomAttributes {
		return nil, api.NewLimitExceededException("The number of custom attributes, %d, is over the limit of %d.", n, MaxCustomAttributes)
	}
	return out, nil
}

func countCustom(schema []Attribute) (n int) {
	for i := range schema {
		if schema[i].custom() {
			n++
		}
	}
	return n
}

// AttributeIndex is where a schema has the attribute, or -1.
func AttributeIndex(schema []Attribute, name string) int {
	return slices.IndexFunc(schema, func(a Attribute) bool { return a.Name == name })
}

func setStandard(to *Attribute, from *api.SchemaAttributeType) error {
	if to.Name == "sub" {
		return refusal.Invalid("Required custom attributes are not supported currently.")
	}
	if from.AttributeDataType != "" && from.AttributeDataType != to.Type {
		return refusal.Invalid("Invalid AttributeDataType input, consider using the provided AttributeDataType enum.")
	}
	if from.Mutable != nil {
		to.Mutable = *from.Mutable
	}
	to.Required = opt.Value(from.Required)
	return setBounds(to, from)
}

func newCustom(from *api.SchemaAttributeType) (Attribute, error) {
	name := strings.TrimPrefix(opt.Value(from.Name), customPrefix)
	if name == "" || utf8.RuneCountInString(name) > maxCustomName {
		return Attribute{}, refusal.Invalid("The name of a custom attribute has 1 to %d characters: %s", maxCustomName, name)
	}
	if opt.Value(from.Required) {
		return Attribute{}, refusal.Invalid("Required custom attributes are not supported currently.")
	}
	a := Attribute{Name: customPrefix + name, Type: from.AttributeDataType, Mutable: from.Mutable == nil || *from.Mutable}
	if a.Type == "" {
		return Attribute{}, refusal.Invalid("Invalid AttributeDataType input, consider using the provided AttributeDataType enum.")
	}
	if opt.Value(from.DeveloperOnlyAttribute) {
		a.DeveloperOnly, a.Name = true, DevPrefix+a.Name
	}
	return a, setBounds(&a, from)
}

func setBounds(a *Attribute, from *api.SchemaAttributeType) error {
	if c := from.StringAttributeConstraints; c != nil && a.Type == api.AttributeDataTypeString {
		if c.MinLength != nil {
			a.MinLength = *c.MinLength
		}
		if c.MaxLength != nil {
			a.MaxLength = *c.MaxLength
		}
	}
	if c := from.NumberAttributeConstraints; c != nil && a.Type == api.AttributeDataTypeNumber {
		if c.MinValue != nil {
			a.Min = *c.MinValue
		}
		if c.MaxValue != nil {
			a.Max = *c.MaxValue
		}
	}
	for _, bound := range []string{a.MinLength, a.MaxLength, a.Min, a.Max} {
		if bound == "" {
			continue
		}
		if _, err := strconv.ParseInt(bound, 10, 64); err != nil {
			return refusal.Invalid("%s: a constraint is not a number: %s", a.Name, bound)
		}
	}
	if n, ok := limit(a.MaxLength); ok && n > MaxAttributeValue {
		return refusal.Invalid("%s: the maximum length is over %d", a.Name, MaxAttributeValue)
	}
	return nil
}

// Describe is the attribute as DescribeUserPool shows it.
func (a *Attribute) Describe() api.SchemaAttributeType {
	out := api.SchemaAttributeType{
		Name: new(a.Name), AttributeDataType: a.Type, Mutable: new(a.Mutable), Required: new(a.Required),
		DeveloperOnlyAttribute: new(a.DeveloperOnly),
	}
	switch a.Type {
	case api.AttributeDataTypeString:
		out.StringAttributeConstraints = &api.StringAttributeConstraintsType{MinLength: opt.Present(a.MinLength), MaxLength: opt.Present(a.MaxLength)}
	case api.AttributeDataTypeNumber:
		out.NumberAttributeConstraints = &api.NumberAttributeConstraintsType{MinValue: opt.Present(a.Min), MaxValue: opt.Present(a.Max)}
	case api.AttributeDataTypeBoolean, api.AttributeDataTypeDateTime:
	}
	return out
}

func limit(bound string) (int64, bool) {
	n, err := strconv.ParseInt(bound, 10, 64)
	return n, err == nil
}

// Check says what is wrong with a value, or "".
func (a *Attribute) Check(value string) string {
	if len(value) > MaxAttributeValue*utf8.UTFMax || utf8.RuneCountInString(value) > MaxAttributeValue {
		return "String must be no longer than " + strconv.Itoa(MaxAttributeValue) + " characters."
	}
	switch a.Type {
	case api.AttributeDataTypeString:
		return a.checkText(value)
	case api.AttributeDataTypeNumber:
		return a.checkNumber(value)
	case api.AttributeDataTypeBoolean:
		if l := strings.ToLower(value); l != "true" && l != "false" {
			return "Boolean must be either true or false."
		}
	case api.AttributeDataTypeDateTime:
		if _, err := time.Parse(time.RFC3339, value); err != nil {
			if _, err := strconv.ParseInt(value, 10, 64); err != nil {
				return "Date must be in ISO 8601 format or epoch format."
			}
		}
	}
	return ""
}

var (
	// EmailForm is a mail address as far as it can be judged without sending to it (RFC 5321 section 4.5.3.1 has the lengths).
	EmailForm = regexp.MustCompile(`^[^@\s"<>()\[\],;:\\]{1,64}@[^@\s"<>()\[\],;:\\]{1,255}$`)
	// PhoneForm is a phone number in the form of E.164.
	PhoneForm = regexp.MustCompile(`^\+[0-9]{1,15}$`)
)

func (a *Attribute) checkText(value string) string {
	n := int64(utf8.RuneCountInString(value))
	if most, ok := limit(a.MaxLength); ok && n > most {
		return "String must be no longer than " + a.MaxLength + " characters."
	}
	if value == "" {
		return "" // an empty value takes the attribute away
	}
	if least, ok := limit(a.MinLength); ok && n < least {
		return "String must be at least " + a.MinLength + " characters long."
	}
	switch {
	case a.Name == "email" && !EmailForm.MatchString(value):
		return "Invalid email address format."
	case a.Name == "phone_number" && !PhoneForm.MatchString(value):
		return "Invalid phone number format."
	}
	return ""
}

func (a *Attribute) checkNumber(value string) string {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return "Number must be an integer."
	}
	if least, ok := limit(a.Min); ok && n < least {
		return "Number must be no less than " + a.Min + "."
	}
	if most, ok := limit(a.Max); ok && n > most {
		return "Number must be no greater than " + a.Max + "."
	}
	return ""
}

// VerifiedFlag is the attribute that says whether another one is verified, or "".
func VerifiedFlag(name string) string {
	if name == "email" || name == "phone_number" {
		return name + "_verified"
	}
	return ""
}
