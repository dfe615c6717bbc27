package cognitoidp

import (
	"slices"
	"strings"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/protocol/constraint"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{`username = "a"`, `"email" ^= "a\"b"`, ``, `sub = "`, `status="\\"`} {
		f.Add(s)
	}
	p := &userpool.Pool{}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseFilter(s); err == nil && got != nil {
			got.match(p, &userpool.User{Username: "a", Sub: "b"})
		} else if err != nil && got != nil {
			t.Error("both a filter and an error")
		}
	})
}

func (w *world) list(pool, filter string, limit int32, token *string) (*api.ListUsersOutput, error) {
	return do(w, w.r.ListUsers, w.s.ListUsers, &api.ListUsersInput{UserPoolId: &pool, Filter: opt.Present(filter), Limit: &limit, PaginationToken: token})
}

// found are the names that a filter finds, in order.
func (w *world) found(filter string) string {
	w.t.Helper()
	var names []string
	for _, u := range must(w.list(w.pool, filter, 0, nil))(w.t).Users {
		names = append(names, *u.Username)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Every attribute that ListUsers documents, by both operators.
func TestListUsersFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ana := w.member("ana", "email", "ana@example.com", "phone_number", "+15550100", "name", "Ana Lee", "given_name", "Ana", "family_name", "Lee", "preferred_username", "lee")
	w.member("anton", "email", "anton@example.com", "phone_number", "+15550199", "name", `An "ton" \o/`, "given_name", "Anton", "family_name", "Leeds", "preferred_username", "leeds")
	must(w.signUp("zoe", "zoe@example.com"))(t)
	must(do(w, w.r.AdminDisableUser, w.s.AdminDisableUser, &api.AdminDisableUserInput{UserPoolId: &w.pool, Username: new("anton")}))(t)
	for filter, names := range map[string]string{
		``: "ana anton zoe", ` `: "ana anton zoe",
		`username = "ana"`: "ana", `username ^= "an"`: "ana anton", `username = "an"`: "", `username = "Ana"`: "", `username ^= "An"`: "",
		`email = "ana@example.com"`: "ana", `email ^= "an"`: "ana anton", `email = "ana"`: "", `email = "ANA@example.com"`: "", `email = ""`: "",
		`phone_number = "+15550100"`: "ana", `phone_number ^= "+155501"`: "ana anton", `phone_number ^= ""`: "ana anton", `phone_number = ""`: "",
		`name = "Ana Lee"`: "ana", `name ^= "An"`: "ana anton", `name ^= "an"`: "",
		`given_name = "Ana"`: "ana", `given_name ^= "An"`: "ana anton",
		`family_name = "Lee"`: "ana", `family_name ^= "Lee"`: "ana anton",
		`preferred_username = "lee"`: "ana", `preferred_username ^= "lee"`: "ana anton",
		`cognito:user_status = "CONFIRMED"`: "ana anton", `cognito:user_status = "confirmed"`: "ana anton",
		`cognito:user_status ^= "unCon"`: "zoe", `cognito:user_status = "UNCON"`: "",
		`status = "Enabled"`: "ana zoe", `status = "Disabled"`: "anton", `status ^= "Dis"`: "anton", `status = "disabled"`: "",
		`sub = "` + ana + `"`: "ana", `sub ^= "` + ana[:13] + `"`: "ana", `sub = "` + strings.ToUpper(ana) + `"`: "", `sub = "ana"`: "",
		`name = "An \"ton\" \\o/"`: "anton", `name ^= "An \""`: "anton", `name = "An \"ton"`: "",
		`"username" = "ana"`: "ana", `username="ana"`: "ana", "  username\t^=  \"ana\"  ": "ana",
	} {
		if got := w.found(filter); got != names {
			t.Errorf("%s: %q, want %q", filter, got, names)
		}
	}
	const unreadable = "Error while parsing filter."
	for filter, message := range map[string]string{
		`username`: unreadable, `username = ana`: unreadable, `username = 'ana'`: unreadable, `username == "ana"`: unreadable, `username != "ana"`: unreadable,
		`username = "ana`: unreadable, `username = "a"b"`: unreadable, `username = "ana\"`: unreadable, `= "ana"`: unreadable,
		`username = "ana" or username = "zoe"`: unreadable, `username ^ = "ana"`: unreadable, `username = "ana" status = "Enabled"`: unreadable,
		`custom:color = "red"`: "Invalid search attribute: custom:color", `nickname = "a"`: "Invalid search attribute: nickname",
		`USERNAME = "ana"`: "Invalid search attribute: USERNAME", `user_status = "CONFIRMED"`: "Invalid search attribute: user_status",
	} {
		_, err := w.list(w.pool, filter, 0, nil)
		want(t, filter, err, "InvalidParameterException", message)
	}
}

// Where names are equal in any case, so is what filters find by them; nothing else is.
func TestListUsersFiltersAnyCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) {
		in.UsernameConfiguration = &api.UsernameConfigurationType{CaseSensitive: new(false)}
	})
	w.member("ana", "email", "Ana@example.com", "preferred_username", "Lee", "name", "Ana")
	for filter, names := range map[string]string{
		`username = "ANA"`: "ana", `username ^= "AN"`: "ana", `email = "ana@EXAMPLE.com"`: "ana", `email ^= "ANA"`: "ana",
		`preferred_username = "LEE"`: "ana", `name = "ana"`: "", `status = "ENABLED"`: "",
	} {
		if got := w.found(filter); got != names {
			t.Errorf("%s: %q, want %q", filter, got, names)
		}
	}
}

// The index of addresses answers for local users; who comes from a provider is in the answer all the same.
func TestListUsersByAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(in *api.CreateUserPoolInput) { in.UsernameAttributes = []api.UsernameAttributeType{"email"} })
	local := *must(w.signUp("bob@acme.example", "bob@acme.example"))(t).UserSub
	const filter = `email = "bob@acme.example"`
	if got := w.found(filter); got != local {
		t.Errorf("%q", got)
	}
	w.mustProvider("Okta", nil)
	app := w.newClient(func(in *api.CreateUserPoolClientInput) { in.SupportedIdentityProviders = []string{"Okta"} })
	guest := must(w.visit(app, "Okta", "b0b", map[string]string{"email": "bob@acme.example"}))(t)
	both := []string{local, guest.Username}
	slices.Sort(both)
	if got := w.found(filter); got != strings.Join(both, " ") {
		t.Errorf("%q, want %q", got, both)
	}
	if got := w.found(`username = "bob@acme.example"`); got != "" {
		t.Errorf("an address as a username: %q", got)
	}
}

func TestListUsersAttributesToGet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.member("ana", "email", "ana@example.com", "custom:color", "red", "name", "Ana")
	ask := func(names ...string) (*api.ListUsersOutput, error) {
		return do(w, w.r.ListUsers, w.s.ListUsers, &api.ListUsersInput{UserPoolId: &w.pool, AttributesToGet: names})
	}
	for _, tc := range []struct{ names, want []string }{
		{nil, []string{"custom:color", "email", "name", "sub"}}, {[]string{"custom:color", "email"}, []string{"custom:color", "email"}},
		{[]string{"sub"}, []string{"sub"}}, {[]string{"nickname"}, nil}, {[]string{}, nil},
	} {
		var got []string
		for _, a := range must(ask(tc.names...))(t).Users[0].Attributes {
			got = append(got, *a.Name)
		}
		if slices.Sort(got); !slices.Equal(got, tc.want) {
			t.Errorf("%v: %v, want %v", tc.names, got, tc.want)
		}
	}
	_, err := ask("email", "custom:nosuch")
	want(t, "unknown attribute", err, "InvalidParameterException", "One or more requested attributes do not exist.")
}

// Pages are of the limits of the model, and a token leads on in its own list alone.
func TestListUsersPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"ana", "bob", "cyd"} {
		w.member(name, "email", name+"@example.com")
	}
	for limit, valid := range map[int32]bool{-1: false, 0: true, 1: true, 60: true, 61: false} {
		var check constraint.Checker
		(&api.ListUsersInput{UserPoolId: &w.pool, Limit: &limit}).Validate(&check)
		if (check.Err() == nil) != valid {
			t.Errorf("limit %d: %v", limit, check.Err())
		}
	}
	if out := must(w.list(w.pool, "", 0, nil))(t); len(out.Users) != 3 || out.PaginationToken != nil {
		t.Errorf("limit 0: %+v", out)
	}
	first := must(w.list(w.pool, "", 1, nil))(t)
	if len(first.Users) != 1 || first.PaginationToken == nil {
		t.Fatalf("%+v", first)
	}
	if rest := must(w.list(w.pool, "", 60, first.PaginationToken))(t); len(rest.Users) != 2 || rest.PaginationToken != nil {
		t.Errorf("another page size: %+v", rest)
	}
	other := *must(do(w, w.r.CreateUserPool, w.s.CreateUserPool, &api.CreateUserPoolInput{PoolName: new("other")}))(t).UserPool.Id
	for what, tc := range map[string]struct{ pool, filter string }{
		"another pool's": {other, ""}, "another filter's": {w.pool, `email ^= "a"`}, "an exact filter's": {w.pool, `username = "ana"`},
	} {
		_, err := w.list(tc.pool, tc.filter, 1, first.PaginationToken)
		want(t, what, err, "InvalidParameterException", "Invalid pagination token")
	}
}
