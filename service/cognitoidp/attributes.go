package cognitoidp

import (
	"maps"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
)

// writer is who sets attributes.
type writer struct {
	// admin is true for the Admin operations.
	admin bool
	// client is the app client of a user's own request.
	client *client
	// creating is true when the user is made: immutable attributes can be set then.
	creating bool
}

// The tags that this server gives a meaning of its own.
const (
	// SessionTagsTag holds pairs Tag=attribute, separated by spaces or commas: session tags that ID tokens carry.
	SessionTagsTag = "bulkhead:session-tags"
	// TenantAttributeTag names attributes that only Admin operations may set.
	TenantAttributeTag = "bulkhead:tenant-attribute"
)

// sessionTag is one pair of SessionTagsTag.
type sessionTag struct{ Key, Attribute string }

func splitTag(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
}

// sessionTags are the pairs that the pool declares, in order.
func (p *pool) sessionTags() []sessionTag {
	var tags []sessionTag
	for _, pair := range splitTag(p.Tags[SessionTagsTag]) {
		if key, name, ok := strings.Cut(pair, "="); ok && key != "" && name != "" {
			tags = append(tags, sessionTag{key, name})
		}
	}
	return tags
}

// guarded reports whether only Admin operations may set the attribute. All that become session tags are, but for
// addresses: those are the user's own to change, and become tags only once verified (tagsClaim).
func (p *pool) guarded(name string) bool {
	if slices.Contains(splitTag(p.Tags[TenantAttributeTag]), name) {
		return true
	}
	return verifiedFlag(name) == "" &&
		slices.ContainsFunc(p.sessionTags(), func(t sessionTag) bool { return t.Attribute == name })
}

// checkTags refuses tags whose meaning here cannot be kept.
func checkTags(tags map[string]string, schema []attribute) error {
	if k := authn.AmbiguousKey(tags); k != "" {
		return refusal.Invalid("Tag keys must differ in more than case: %s", k)
	}
	if v := tags[SessionTagsTag]; v != "" {
		for _, pair := range splitTag(v) {
			key, name, ok := strings.Cut(pair, "=")
			if !ok || key == "" || indexOf(schema, name) < 0 {
				return refusal.Invalid("The tag %s must hold pairs Tag=attribute with attributes of the schema: %s", SessionTagsTag, pair)
			}
		}
	}
	for _, name := range splitTag(tags[TenantAttributeTag]) {
		if i := indexOf(schema, name); i < 0 || !schema[i].custom() {
			return refusal.Invalid("The tag %s must hold names of custom attributes: %s", TenantAttributeTag, name)
		}
	}
	return nil
}

// mayWrite reports whether the writer's app client may set the attribute ("User pool attributes", "Attribute permissions
// and scopes"). A client without a list may write all standard and custom attributes, though never those that are
// guarded, and none may write what the server itself asserts.
func (p *pool) mayWrite(w writer, a *attribute) bool {
	if w.admin {
		return true
	}
	if a.DeveloperOnly || a.Name == "email_verified" || a.Name == "phone_number_verified" || p.guarded(a.Name) {
		return false
	}
	return len(w.client.Write) == 0 || slices.Contains(w.client.Write, a.Name)
}

// mayRead reports whether the app client may see the attribute, in tokens as in answers. sub is always seen.
func mayRead(app *client, name string) bool {
	return name == "sub" || len(app.Read) == 0 && !strings.HasPrefix(name, devPrefix) || slices.Contains(app.Read, name)
}

// set changes attributes of u. It checks all before it changes any.
func (p *pool) set(u *user, w writer, attrs []api.AttributeType) error {
	changed := map[string]string{}
	for i := range attrs {
		name, value := opt.Value(attrs[i].Name), opt.Value(attrs[i].Value)
		if _, twice := changed[name]; twice {
			return refusal.Invalid("Duplicate attribute name: %s", name)
		}
		if err := p.checkSet(w, name, value); err != nil {
			return err
		}
		changed[name] = value
	}
	for name, value := range changed {
		if p.waits(u, w, name, value, changed) {
			u.hold(name, p.normal(name, value))
			continue
		}
		delete(u.Pending, name)
		p.replace(u, w, name, value, changed)
	}
	return nil
}

// waits reports whether a change of an address is to wait until the new one is verified ("AttributesRequireVerification-
// BeforeUpdate", UserAttributeUpdateSettingsType). An administrator who says that it is verified need not wait.
func (p *pool) waits(u *user, w writer, name, value string, all map[string]string) bool {
	if w.creating || value == "" || !slices.Contains(p.Settings.VerifyFirst, name) || p.normal(name, value) == u.Attributes[name] {
		return false
	}
	_, said := all[verifiedFlag(name)]
	return !said
}

// hold keeps an address for the time when it is verified.
func (u *user) hold(name, value string) {
	if u.Pending == nil {
		u.Pending = map[string]string{}
	}
	u.Pending[name] = value
}

// replace sets one attribute. An address that changes is not verified any more, unless an administrator says that it is.
func (p *pool) replace(u *user, w writer, name, value string, all map[string]string) {
	value = p.normal(name, value)
	before := u.Attributes[name]
	u.put(name, value)
	flag := verifiedFlag(name)
	if flag == "" || before == value {
		return
	}
	if _, said := all[flag]; said || w.admin && w.creating {
		return
	}
	u.put(flag, "false")
	if value == "" {
		delete(u.Attributes, flag)
	}
}

func (p *pool) checkSet(w writer, name, value string) error {
	at := indexOf(p.Schema, name)
	if at < 0 {
		return p.schemaError(w, name, "Attribute does not exist in the schema.")
	}
	a := &p.Schema[at]
	if name == "sub" {
		return refusal.Invalid("Cannot modify the non-mutable attribute sub")
	}
	if !p.mayWrite(w, a) {
		return refusal.UnauthorizedWrite()
	}
	if !a.Mutable && !w.creating {
		return refusal.Invalid("user.%s: Attribute cannot be updated.\n", name)
	}
	if wrong := a.check(value); wrong != "" {
		return p.schemaError(w, name, wrong)
	}
	if value == "" && a.Required && !w.creating {
		return p.schemaError(w, name, "The attribute "+name+" is required")
	}
	if name == "preferred_username" && slices.Contains(p.Aliases, name) {
		return p.checkUsername(value) // it is a name to sign in with, as a username is
	}
	return nil
}

func (p *pool) schemaError(w writer, name, wrong string) error {
	if w.creating {
		return refusal.Invalid("Attributes did not conform to the schema: %s: %s\n", name, wrong)
	}
	return refusal.Invalid("user.%s: %s\n", name, wrong)
}

// normal is the value as it is kept: flags in lower case, and addresses too where case does not tell users apart.
func (p *pool) normal(name, value string) string {
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

func (u *user) put(name, value string) {
	if value == "" {
		delete(u.Attributes, name)
		return
	}
	if u.Attributes == nil {
		u.Attributes = map[string]string{}
	}
	u.Attributes[name] = value
}

// requireAttributes checks that a user who is made has what the schema requires.
func (p *pool) requireAttributes(u *user) error {
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

// attributesOf lists what the client may see of a user, or all for nil; sub first, then by name.
func attributesOf(u *user, app *client) []api.AttributeType {
	out := []api.AttributeType{{Name: new("sub"), Value: new(u.Sub)}}
	for _, name := range slices.Sorted(maps.Keys(u.Attributes)) {
		if app == nil || mayRead(app, name) {
			out = append(out, api.AttributeType{Name: new(name), Value: new(u.Attributes[name])})
		}
	}
	if text := u.identitiesText(); text != "" && (app == nil || mayRead(app, attributeIdentities)) {
		out = append(out, api.AttributeType{Name: new(attributeIdentities), Value: &text})
	}
	return out
}
