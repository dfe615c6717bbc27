package userpool

import (
	"maps"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// Writer is who sets attributes.
type Writer struct {
	// Admin is true for the Admin operations.
	Admin bool
	// Client is the app client of a user's own request.
	Client *Client
	// Creating is true when the user is made: immutable attributes can be set then.
	Creating bool
}

// The tags that this server gives a meaning of its own.
const (
	// SessionTagsTag holds pairs Tag=attribute, separated by spaces or commas: session tags that ID tokens carry.
	SessionTagsTag = "bulkhead:session-tags"
	// TenantAttributeTag names attributes that only Admin operations may set.
	TenantAttributeTag = "bulkhead:tenant-attribute"
)

// SessionTag is one pair of SessionTagsTag.
type SessionTag struct{ Key, Attribute string }

// SplitTag reads the value of a tag that holds a list, separated by spaces or commas.
func SplitTag(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

// SessionTags are the pairs that the pool declares, in order.
func (p *Pool) SessionTags() []SessionTag {
	var tags []SessionTag
	for _, pair := range SplitTag(p.Tags[SessionTagsTag]) {
		if key, name, ok := strings.Cut(pair, "="); ok && key != "" && name != "" {
			tags = append(tags, SessionTag{key, name})
		}
	}
	return tags
}

// Guarded reports whether only Admin operations may set the attribute. All that become session tags are, but for
// addresses: those are the user's own to change, and become tags only once verified (tagsClaim).
func (p *Pool) Guarded(name string) bool {
	if slices.Contains(SplitTag(p.Tags[TenantAttributeTag]), name) {
		return true
	}
	return VerifiedFlag(name) == "" &&
		slices.ContainsFunc(p.SessionTags(), func(t SessionTag) bool { return t.Attribute == name })
}

// CheckTags refuses tags whose meaning here cannot be kept.
func CheckTags(tags map[string]string, schema []Attribute) error {
	if k := authn.AmbiguousKey(tags); k != "" {
		return refusal.Invalid("Tag keys must differ in more than case: %s", k)
	}
	if v := tags[SessionTagsTag]; v != "" {
		for _, pair := range SplitTag(v) {
			key, name, ok := strings.Cut(pair, "=")
			if !ok || key == "" || AttributeIndex(schema, name) < 0 {
				return refusal.Invalid("The tag %s must hold pairs Tag=attribute with attributes of the schema: %s", SessionTagsTag, pair)
			}
		}
	}
	for _, name := range SplitTag(tags[TenantAttributeTag]) {
		if i := AttributeIndex(schema, name); i < 0 || !schema[i].custom() {
			return refusal.Invalid("The tag %s must hold names of custom attributes: %s", TenantAttributeTag, name)
		}
	}
	return nil
}

// MayWrite reports whether the writer's app client may set the attribute ("User pool attributes", "Attribute permissions
// and scopes"). A client without a list may write all standard and custom attributes, though never those that are
// guarded, and none may write what the server itself asserts.
func (p *Pool) MayWrite(w Writer, a *Attribute) bool {
	if w.Admin {
		return true
	}
	if a.DeveloperOnly || a.Name == "email_verified" || a.Name == "phone_number_verified" || p.Guarded(a.Name) {
		return false
	}
	return len(w.Client.Write) == 0 || slices.Contains(w.Client.Write, a.Name)
}

// MayRead reports whether the app client may see the attribute, in tokens as in answers. sub is always seen.
func MayRead(app *Client, name string) bool {
	return name == "sub" || len(app.Read) == 0 && !strings.HasPrefix(name, DevPrefix) || slices.Contains(app.Read, name)
}

// SetAttributes changes attributes of u. It checks all before it changes any.
func (p *Pool) SetAttributes(u *User, w Writer, attrs []api.AttributeType) error {
	changed := map[string]string{}
	for i := range attrs {
		name, value := opt.Value(attrs[i].Name), opt.Value(attrs[i].Value)
		if _, twice := changed[name]; twice {
			return refusal.Invalid("Duplicate attribute name: %s", name)
		}
		if err := p.CheckAttribute(w, name, value); err != nil {
			return err
		}
		changed[name] = value
	}
	for name, value := range changed {
		if p.waits(u, w, name, value, changed) {
			u.hold(name, p.Normal(name, value))
			continue
		}
		delete(u.Pending, name)
		p.replace(u, w, name, value, changed)
	}
	return nil
}

// waits reports whether a change of an address is to wait until the new one is verified ("AttributesRequireVerification-
// BeforeUpdate", UserAttributeUpdateSettingsType). An administrator who says that it is verified need not wait.
func (p *Pool) waits(u *User, w Writer, name, value string, all map[string]string) bool {
	if w.Creating || value == "" || !slices.Contains(p.Settings.VerifyFirst, name) || p.Normal(name, value) == u.Attributes[name] {
		return false
	}
	_, said := all[VerifiedFlag(name)]
	return !said
}

// hold keeps an address for the time when it is verified.
func (u *User) hold(name, value string) {
	if u.Pending == nil {
		u.Pending = map[string]string{}
	}
	u.Pending[name] = value
}

// replace sets one attribute. An address that changes is not verified any more, unless an administrator says that it is.
func (p *Pool) replace(u *User, w Writer, name, value string, all map[string]string) {
	value = p.Normal(name, value)
	before := u.Attributes[name]
	u.Put(name, value)
	flag := VerifiedFlag(name)
	if flag == "" || before == value {
		return
	}
	if _, said := all[flag]; said || w.Admin && w.Creating {
		return
	}
	u.Put(flag, "false")
	if value == "" {
		delete(u.Attributes, flag)
	}
}

// CheckAttribute says why the writer may not set the attribute to the value.
func (p *Pool) CheckAttribute(w Writer, name, value string) error {
	at := AttributeIndex(p.Schema, name)
	if at < 0 {
		return p.SchemaError(w, name, "Attribute does not exist in the schema.")
	}
	a := &p.Schema[at]
	if name == "sub" {
		return refusal.Invalid("Cannot modify the non-mutable attribute sub")
	}
	if !p.MayWrite(w, a) {
		return refusal.UnauthorizedWrite()
	}
	if !a.Mutable && !w.Creating {
		return refusal.Invalid("user.%s: Attribute cannot be updated.\n", name)
	}
	if wrong := a.Check(value); wrong != "" {
		return p.SchemaError(w, name, wrong)
	}
	if value == "" && a.Required && !w.Creating {
		return p.SchemaError(w, name, "The attribute "+name+" is required")
	}
	if name == "preferred_username" && slices.Contains(p.Aliases, name) {
		return p.checkUsername(value) // it is a name to sign in with, as a username is
	}
	return nil
}

// SchemaError says what is wrong with an attribute, in the words for a user who is made or changed.
func (p *Pool) SchemaError(w Writer, name, wrong string) error {
	if w.Creating {
		return refusal.Invalid("Attributes did not conform to the schema: %s: %s\n", name, wrong)
	}
	return refusal.Invalid("user.%s: %s\n", name, wrong)
}

// Normal is the value as it is kept: flags in lower case, and addresses too where case does not tell users apart.
func (p *Pool) Normal(name, value string) string {
	switch name {
	case "email_verified", "phone_number_verified":
		return strings.ToLower(value)
	case "email":
		if !p.CaseSensitive {
			return strings.ToLower(value)
		}
	}
	return value
}

// Put sets an attribute as it stands; an empty value takes it away.
func (u *User) Put(name, value string) {
	if value == "" {
		delete(u.Attributes, name)
		return
	}
	if u.Attributes == nil {
		u.Attributes = map[string]string{}
	}
	u.Attributes[name] = value
}

// RequireAttributes checks that a user who is made has what the schema requires.
func (p *Pool) RequireAttributes(u *User) error {
	var missing string
	for i := range p.Schema {
		a := &p.Schema[i]
		if a.Required && a.Name != "sub" && u.Attributes[a.Name] == "" && u.Pending[a.Name] == "" {
			missing += a.Name + ": The attribute " + a.Name + " is required\n"
		}
	}
	if missing != "" {
		return refusal.Invalid("Attributes did not conform to the schema: %s", missing)
	}
	return nil
}

// AttributesOf lists what the client may see of a user, or all for nil; sub first, then by name.
func AttributesOf(u *User, app *Client) []api.AttributeType {
	out := []api.AttributeType{{Name: new("sub"), Value: new(u.Sub)}}
	for _, name := range slices.Sorted(maps.Keys(u.Attributes)) {
		if app == nil || MayRead(app, name) {
			out = append(out, api.AttributeType{Name: new(name), Value: new(u.Attributes[name])})
		}
	}
	if text := u.IdentitiesText(); text != "" && (app == nil || MayRead(app, AttributeIdentities)) {
		out = append(out, api.AttributeType{Name: new(AttributeIdentities), Value: &text})
	}
	return out
}
