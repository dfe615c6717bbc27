package cognitoidp

import (
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const unauthorized = "A client attempted to write unauthorized attribute"

func (w *world) setOwn(token string, pairs ...string) error {
	_, err := do(w, w.r.UpdateUserAttributes, w.s.UpdateUserAttributes, &api.UpdateUserAttributesInput{AccessToken: &token, UserAttributes: attrs(pairs...)})
	return err
}

func (w *world) setAdmin(name string, pairs ...string) error {
	_, err := do(w, w.r.AdminUpdateUserAttributes, w.s.AdminUpdateUserAttributes, &api.AdminUpdateUserAttributesInput{
		UserPoolId: &w.pool, Username: &name, UserAttributes: attrs(pairs...),
	})
	return err
}

// TestTenantAttribute goes through who may write the attribute that says which tenant a user is of.
func TestTenantAttribute(t *testing.T) {
	t.Parallel()
	join := func(w *world, app, name string) error {
		_, err := do(w, w.r.SignUp, w.s.SignUp, &api.SignUpInput{
			ClientId: &app, Username: &name, Password: new(password), UserAttributes: attrs("custom:tenant_id", "acme"),
		})
		return err
	}
	for name, tc := range map[string]struct {
		tags    map[string]string
		write   []string
		refused bool
	}{
		"AWS's rules: no list is all":         {nil, nil, false},
		"AWS's rules: listed":                 {nil, []string{"custom:tenant_id"}, false},
		"AWS's rules: not listed":             {nil, []string{"email"}, true},
		"declared":                            {map[string]string{userpool.TenantAttributeTag: "custom:tenant_id"}, nil, true},
		"declared among others, listed":       {map[string]string{userpool.TenantAttributeTag: "custom:color, custom:tenant_id"}, []string{"custom:tenant_id"}, true},
		"becomes a session tag":               {map[string]string{userpool.SessionTagsTag: "TenantID=custom:tenant_id"}, nil, true},
		"another attribute is the tag":        {map[string]string{userpool.SessionTagsTag: "Color=custom:color"}, nil, false},
		"another attribute is the tenant one": {map[string]string{userpool.TenantAttributeTag: "custom:color"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(in *api.CreateUserPoolInput) { in.UserPoolTags = tc.tags })
			app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.WriteAttributes = tc.write })
			err := join(w, app, "eve")
			if tc.refused {
				want(t, "sign-up", err, "NotAuthorizedException", unauthorized)
			} else if err != nil {
				t.Fatal(err)
			}
			w.member("ana", "custom:tenant_id", "acme")
			token := *w.tokens(app, "ana").AccessToken
			if err := w.setOwn(token, "custom:tenant_id", "globex"); err == nil {
				t.Error("a user moved to another tenant")
			}
			want(t, "immutable for administrators", w.setAdmin("ana", "custom:tenant_id", "globex"),
				"InvalidParameterException", "user.custom:tenant_id: Attribute cannot be updated.\n")
			want(t, "immutable for deletion", deleteAttribute(w, "ana", "custom:tenant_id"), "InvalidParameterException", "")
			if got := decoded(t, *w.tokens(app, "ana").IdToken)["custom:tenant_id"]; got != "acme" {
				t.Errorf("tenant is now %v", got)
			}
		})
	}
}

func deleteAttribute(w *world, user, name string) error {
	_, err := do(w, w.r.AdminDeleteUserAttributes, w.s.AdminDeleteUserAttributes, &api.AdminDeleteUserAttributesInput{
		UserPoolId: &w.pool, Username: &user, UserAttributeNames: []string{name},
	})
	return err
}

func TestGuardedAttributeAtNewPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.UserPoolTags = map[string]string{userpool.TenantAttributeTag: "custom:color"}
	})
	c := invited(w, "ana")
	_, err := w.answerNew(c, map[string]string{"NEW_PASSWORD": otherWord, "userAttributes.custom:color": "red"})
	want(t, "guarded", err, "NotAuthorizedException", unauthorized)
	_, err = w.answerNew(c, map[string]string{"NEW_PASSWORD": otherWord, "userAttributes.email_verified": "true"})
	want(t, "verified by the user's word", err, "NotAuthorizedException", unauthorized)
}

func TestUpdateAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana", "email", "ana@example.com", "email_verified", "true")
	token := *w.tokens(w.app, "ana").AccessToken
	if err := w.setOwn(token, "email", "new@example.com", "name", "Ana"); err != nil {
		t.Fatal(err)
	}
	id := decoded(t, *w.tokens(w.app, "ana").IdToken)
	if id["email"] != "new@example.com" || id["email_verified"] != false || id["name"] != "Ana" {
		t.Errorf("%v", id)
	}
	want(t, "own verification", w.setOwn(token, "email_verified", "true"), "NotAuthorizedException", unauthorized)
	want(t, "all or nothing", w.setOwn(token, "name", "Eve", "custom:level", "0"), "InvalidParameterException", "user.custom:level: Number must be no less than 1.\n")
	if err := w.setOwn(token, "name", ""); err != nil {
		t.Fatal(err)
	}
	if id := decoded(t, *w.tokens(w.app, "ana").IdToken); id["name"] != nil {
		t.Errorf("%v", id)
	}
	if err := w.setAdmin("ana", "email_verified", "TRUE"); err != nil {
		t.Fatal(err)
	}
	if id := decoded(t, *w.tokens(w.app, "ana").IdToken); id["email_verified"] != true {
		t.Errorf("%v", id)
	}
	if err := deleteAttribute(w, "ana", "email"); err != nil {
		t.Fatal(err)
	}
	if id := decoded(t, *w.tokens(w.app, "ana").IdToken); id["email"] != nil || id["email_verified"] != nil {
		t.Errorf("%v", id)
	}
}

func TestAddCustomAttributes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	add := func(a api.SchemaAttributeType) error {
		_, err := do(w, w.r.AddCustomAttributes, w.s.AddCustomAttributes, &api.AddCustomAttributesInput{UserPoolId: &w.pool, CustomAttributes: []api.SchemaAttributeType{a}})
		return err
	}
	for name, a := range map[string]api.SchemaAttributeType{
		"there already": {Name: new("color"), AttributeDataType: "String"},
		"required":      {Name: new("must"), AttributeDataType: "String", Required: new(true)},
		"without type":  {Name: new("what")},
		"long name":     {Name: new("a23456789012345678901"), AttributeDataType: "String"},
		"odd bound":     {Name: new("odd"), AttributeDataType: "String", StringAttributeConstraints: &api.StringAttributeConstraintsType{MaxLength: new("x")}},
		"huge bound":    {Name: new("odd"), AttributeDataType: "String", StringAttributeConstraints: &api.StringAttributeConstraintsType{MaxLength: new("5000")}},
	} {
		want(t, name, add(a), "InvalidParameterException", "")
	}
	if err := add(api.SchemaAttributeType{Name: new("since"), AttributeDataType: "DateTime"}); err != nil {
		t.Fatal(err)
	}
	w.member("ana", "custom:since", "2026-01-02T03:04:05Z")
	want(t, "not a date", w.setAdmin("ana", "custom:since", "soon"), "InvalidParameterException", "user.custom:since: Date must be in ISO 8601 format or epoch format.\n")
	var many []api.SchemaAttributeType
	for i := range userpool.MaxCustomAttributes {
		many = append(many, api.SchemaAttributeType{Name: new("a" + string(rune('0'+i))), AttributeDataType: "String"})
	}
	_, err := do(w, w.r.AddCustomAttributes, w.s.AddCustomAttributes, &api.AddCustomAttributesInput{UserPoolId: &w.pool, CustomAttributes: many})
	want(t, "too many", err, "LimitExceededException", "")
	want(t, "tags of what is not there", w.tag(map[string]string{userpool.SessionTagsTag: "T=custom:nosuch"}), "InvalidParameterException", "")
	want(t, "a standard tenant attribute", w.tag(map[string]string{userpool.TenantAttributeTag: "email"}), "InvalidParameterException", "")
}

func TestNamesAndAliases(t *testing.T) {
	t.Parallel()
	insensitive := func(in *api.CreateUserPoolInput) {
		in.UsernameConfiguration = &api.UsernameConfigurationType{CaseSensitive: new(false)}
	}
	t.Run("addresses as usernames", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, insensitive, func(in *api.CreateUserPoolInput) { in.UsernameAttributes = []api.UsernameAttributeType{"email"} })
		_, err := w.signUp("ana", "ana@example.com")
		want(t, "not an address", err, "InvalidParameterException", "Username should be an email.")
		_, err = w.signUp("ana@example.com", "bob@example.com")
		want(t, "another address", err, "InvalidParameterException", "")
		out := must(w.signUp("Ana@Example.com", "ana@example.com"))(t)
		_, err = w.signUp("ANA@example.com", "ANA@example.com")
		want(t, "the same address", err, "UsernameExistsException", "An account with the given email already exists.")
		if err := w.confirm("ana@EXAMPLE.com", w.code("ana@example.com")); err != nil {
			t.Fatal(err)
		}
		got := decoded(t, *w.tokens(w.app, "ANA@example.com").IdToken)
		if got["cognito:username"] != *out.UserSub || got["sub"] != *out.UserSub || got["email"] != "ana@example.com" {
			t.Errorf("%v", got)
		}
		c := must(newSRP(w, w.app).begin("ana@example.com"))(t)
		if c.out.ChallengeParameters["USER_ID_FOR_SRP"] != *out.UserSub {
			t.Errorf("%v", c.out.ChallengeParameters)
		}
		must(c.answer(password))(t)
		nobody := must(newSRP(w, w.quiet).begin("nobody@example.com"))(t).out.ChallengeParameters["USERNAME"]
		if len(nobody) != 36 {
			t.Errorf("nobody is called %q", nobody)
		}
		w.member("bob@example.com")
		token := *w.tokens(w.app, "bob@example.com").AccessToken
		want(t, "take an address", w.setOwn(token, "email", "ana@example.com"), "AliasExistsException", "")
	})
	t.Run("aliases", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(in *api.CreateUserPoolInput) {
			in.AliasAttributes = []api.AliasAttributeType{"email", "preferred_username"}
		})
		_, err := w.signUp("a@example.com", "a@example.com")
		want(t, "an address for a name", err, "InvalidParameterException", "Username cannot be of email format, since user pool is configured for email alias.")
		must(w.signUp("ana", "ana@example.com"))(t)
		_, err = w.signIn(w.app, "ana@example.com", password)
		want(t, "not verified yet", err, "UserNotFoundException", "")
		if err := w.confirm("ana", w.code("ana@example.com")); err != nil {
			t.Fatal(err)
		}
		must(w.signIn(w.app, "ana@example.com", password))(t)
		must(w.signUp("eve", "ana@example.com"))(t)
		code := w.code("ana@example.com")
		want(t, "an alias that is taken", w.confirm("eve", code), "AliasExistsException", "An account with the email already exists.")
		must(do(w, w.r.ConfirmSignUp, w.s.ConfirmSignUp, &api.ConfirmSignUpInput{
			ClientId: &w.app, Username: new("eve"), ConfirmationCode: &code, ForceAliasCreation: new(true),
		}))(t)
		if got := decoded(t, *must(w.signIn(w.app, "ana@example.com", password))(t).AuthenticationResult.IdToken); got["cognito:username"] != "eve" {
			t.Errorf("the alias leads to %v", got["cognito:username"])
		}
		if got := decoded(t, *w.tokens(w.app, "ana").IdToken); got["email_verified"] != false {
			t.Errorf("%v", got)
		}
	})
	t.Run("case", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, insensitive)
		w.member("Ana")
		if got := decoded(t, *w.tokens(w.app, "ANA").AccessToken); got["username"] != "ana" {
			t.Errorf("%v", got)
		}
		w = newWorld(t)
		w.member("Ana")
		_, err := w.signIn(w.app, "ana", password)
		want(t, "case-sensitive", err, "UserNotFoundException", "")
	})
}
