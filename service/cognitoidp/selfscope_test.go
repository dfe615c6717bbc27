package cognitoidp

import (
	"context"
	"testing"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
)

// scoped issues an access token as OAuth 2 clients get them.
func (w *world) scoped(name string, scopes ...string) string {
	w.t.Helper()
	issue := func(ctx context.Context, call *pipeline.Call, in *api.AdminGetUserInput) (*string, error) {
		c, err := w.s.in(ctx, call, in.UserPoolId)
		if err != nil {
			return nil, err
		}
		app, err := c.Client(w.app)
		if err != nil {
			return nil, err
		}
		i := &tokens.Issuance{App: app, Source: tokens.SourceHostedAuth}
		err = c.View(func(rec *store.Records) (err error) {
			i.User, err = c.Pool.MustFind(rec, in.Username)
			return err
		})
		if err != nil {
			return nil, err
		}
		i.SignIn = c.tokens().NewSignIn(i.User)
		i.SignIn.Scopes = scopes
		out, err := c.tokens().Issue(i)
		if err != nil {
			return nil, err
		}
		return out.AccessToken, nil
	}
	return *must(do(w, w.r.AdminGetUser, issue, &api.AdminGetUserInput{UserPoolId: &w.pool, Username: &name}))(w.t)
}

func TestUsersManageThemselvesByScope(t *testing.T) {
	t.Parallel()
	w := passkeyWorld(t)
	token := w.scoped("ana", "openid", "profile", tokens.ScopeSelf+".not", "not."+tokens.ScopeSelf)
	const message = "Access Token does not have required scopes"
	_, err := w.getUser(token)
	want(t, "GetUser", err, "NotAuthorizedException", message)
	_, err = w.startPasskey(token)
	want(t, "StartWebAuthnRegistration", err, "NotAuthorizedException", message)
	_, err = do(w, w.r.ChangePassword, w.s.ChangePassword, &api.ChangePasswordInput{AccessToken: &token, PreviousPassword: new(password), ProposedPassword: new(otherWord)})
	want(t, "ChangePassword", err, "NotAuthorizedException", message)
	_, err = do(w, w.r.ListDevices, w.s.ListDevices, &api.ListDevicesInput{AccessToken: &token})
	want(t, "ListDevices", err, "NotAuthorizedException", message)
	_, err = do(w, w.r.DeleteUser, w.s.DeleteUser, &api.DeleteUserInput{AccessToken: &token})
	want(t, "DeleteUser", err, "NotAuthorizedException", message)
	must(w.getUser(w.scoped("ana", "openid", tokens.ScopeSelf)))(t)
}
