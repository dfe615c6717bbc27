package cognitoidp

import (
	"maps"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const (
	sourceMigrateSignIn = "UserMigration_Authentication"
	sourceMigrateForgot = "UserMigration_ForgotPassword"
)

// usernameKey is where the function names a user whom somebody asked for by an alias.
const usernameKey = "username"

type migrationRequest struct {
	Password       *string           `json:"password,omitempty"` // at a sign-in
	ValidationData map[string]string `json:"validationData"`
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

type migrationResponse struct {
	UserAttributes map[string]string `json:"userAttributes"`
	Status         *string           `json:"finalUserStatus"`
	MessageAction  *string           `json:"messageAction"`
	Mediums        []string          `json:"desiredDeliveryMediums"`
	ForceAlias     *bool             `json:"forceAliasCreation"`
}

// newcomer is a name that the pool does not have, whom another directory may.
type newcomer struct {
	app              *userpool.Client
	source, name     string
	password         *string
	validation, meta map[string]string
}

// migrate asks the user migration trigger for a user and makes the one that it describes ("Migrate user Lambda trigger").
// A function that fails knows no such user: UserNotFoundException. Attributes are set as an administrator sets them when
// making a user. The password is kept as it was shown, whatever the pool's policy asks of new ones. No welcome message is
// sent: it would hold a password that is the user's own.
func (c *scoped) migrate(n newcomer) (*userpool.User, error) {
	var out migrationResponse
	err := c.triggers.Invoke(c.Request, trigger.Occasion{At: trigger.UserMigration, Source: n.source, Client: n.app.ID, Name: n.name},
		migrationRequest{n.password, n.validation, n.meta}, &out)
	if fault.Is(err, "UserLambdaValidationException") || err == nil && len(out.UserAttributes) == 0 {
		return nil, api.NewUserNotFoundException("Exception migrating user in app client %s", n.app.ID)
	}
	if err != nil {
		return nil, err
	}
	u, err := c.immigrant(n, &out)
	if err != nil {
		return nil, err
	}
	return u, c.Update(func(rec *store.Records) error {
		return c.CreateUser(rec, u, out.ForceAlias != nil && *out.ForceAlias)
	})
}

// immigrant is the user that the function described, not stored yet.
func (c *scoped) immigrant(n newcomer, out *migrationResponse) (*userpool.User, error) {
	name := n.name
	var attrs []api.AttributeType
	for _, k := range slices.Sorted(maps.Keys(out.UserAttributes)) {
		if k == usernameKey {
			name = out.UserAttributes[k]
			continue
		}
		attrs = append(attrs, api.AttributeType{Name: new(k), Value: new(out.UserAttributes[k])})
	}
	u, err := c.NewUser(name, userpool.Writer{Admin: true, Creating: true}, attrs)
	if err == nil {
		err = c.Pool.RequireAttributes(u)
	}
	if err != nil {
		return nil, err
	}
	status := ""
	if out.Status != nil {
		status = *out.Status
	}
	switch {
	case status == string(api.UserStatusTypeResetRequired), status == "" && n.password == nil:
		u.Status = api.UserStatusTypeResetRequired
	case status == string(api.UserStatusTypeConfirmed), status == "":
		u.Status = api.UserStatusTypeConfirmed
	default:
		return nil, trigger.BadResponse("finalUserStatus %.64q", status)
	}
	if n.password != nil && u.Status == api.UserStatusTypeConfirmed {
		u.Verifier, err = c.SealPassword(u, *n.password)
	}
	return u, err
}

// migrated is asked for a user whom the pool does not have and who signs in with a password in plain: it makes the user
// and returns it, or nil. Refusals count as wrong passwords, and what is being asked as a refusal, so that nobody tries the
// passwords of the other directory through this one without end, nor many at once. Where users are hidden, no refusal shows.
func (a *attempt) migrated(t *candidate, password string) (*userpool.User, error) {
	if trigger.FunctionOf(a.Pool, trigger.UserMigration) == "" {
		return nil, nil
	}
	if err := a.Update(func(rec *store.Records) error { return a.Reserve(rec, t.who) }); err != nil {
		return nil, err
	}
	u, err := a.migrate(newcomer{
		app: a.app, source: sourceMigrateSignIn, name: t.name, password: &password, validation: a.around.validation, meta: a.around.meta,
	})
	if err != nil && !a.app.HideUsers {
		return nil, err
	}
	if released := a.Update(func(rec *store.Records) error { return a.Release(rec, t.who) }); released != nil {
		return nil, released
	}
	if err != nil {
		a.log.Warn("a user was not migrated", "pool", a.Pool.ID, "error", err)
		return nil, nil // which counts, as a wrong password does
	}
	t.who = u.Sub
	return u, nil
}

// migrateForgetful looks for somebody who asks for a new password in the other directory, if the pool does not have them.
// What is made then has no password until the code comes back. counted is true if the request was counted against the
// name, as one for nobody is.
func (c *scoped) migrateForgetful(app *userpool.Client, in *api.ForgotPasswordInput) (counted bool, err error) {
	if trigger.FunctionOf(c.Pool, trigger.UserMigration) == "" {
		return false, nil
	}
	name := opt.Value(in.Username)
	var known *userpool.User
	err = c.Update(func(rec *store.Records) (err error) {
		if known, err = c.Pool.Find(rec, name); err != nil || known != nil {
			return err
		}
		return c.messages().PretendCode(rec, name, userpool.CodeForgot) // counts what is asked for a name
	})
	if err != nil || known != nil {
		return false, err
	}
	_, err = c.migrate(newcomer{app: app, source: sourceMigrateForgot, name: name, meta: in.ClientMetadata})
	if err != nil && app.HideUsers {
		c.log.Warn("a user was not migrated", "pool", c.Pool.ID, "error", err)
		return true, nil
	}
	return true, err
}
