package poolsettings

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

const (
	lowerAlphanumeric = "abcdefghijklmnopqrstuvwxyz0123456789"
	clientIDLength    = 26
	secretLength      = 51
)

// defaultFlows are those of a client that names none.
var defaultFlows = []string{"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_CUSTOM_AUTH"}

// newClientSettings reads what creating and updating have in common.
func newClientSettings(p *userpool.Pool, in *api.UpdateUserPoolClientInput) (userpool.ClientSettings, error) {
	if in.AnalyticsConfiguration != nil {
		return userpool.ClientSettings{}, refusal.NotServed("AnalyticsConfiguration (Amazon Pinpoint)")
	}
	set := userpool.ClientSettings{
		Flows: userpool.Texts(in.ExplicitAuthFlows), Read: in.ReadAttributes, Write: in.WriteAttributes,
		Access: int64(opt.Value(in.AccessTokenValidity)), Identity: int64(opt.Value(in.IdTokenValidity)), Refresh: int64(opt.Value(in.RefreshTokenValidity)),
		HideUsers:    in.PreventUserExistenceErrors == api.PreventUserExistenceErrorTypesEnabled,
		NoRevocation: in.EnableTokenRevocation != nil && !*in.EnableTokenRevocation, SessionMinutes: opt.Value(in.AuthSessionValidity),
		IdentityProviders: in.SupportedIdentityProviders, CallbackURLs: in.CallbackURLs, LogoutURLs: in.LogoutURLs,
		DefaultRedirectURI: in.DefaultRedirectURI, OAuthFlows: in.AllowedOAuthFlows, OAuthScopes: in.AllowedOAuthScopes,
		OAuth: opt.Value(in.AllowedOAuthFlowsUserPoolClient), Propagate: opt.Value(in.EnablePropagateAdditionalUserContextData),
	}
	if in.TokenValidityUnits != nil {
		set.Units = *in.TokenValidityUnits
	}
	if len(set.Flows) == 0 {
		set.Flows = defaultFlows
		if r := in.RefreshTokenRotation; r != nil && r.Feature == api.FeatureTypeEnabled {
			set.Flows = defaultFlows[1:] // without ALLOW_REFRESH_TOKEN_AUTH, which rotation rules out
		}
	}
	return set, errors.Join(checkFlows(&set), setRotation(&set, in.RefreshTokenRotation), checkTier(p, set.Flows), checkLifetimes(&set), checkPermissions(p, &set))
}

func checkFlows(c *userpool.ClientSettings) error {
	old := 0
	for _, f := range c.Flows {
		if !strings.HasPrefix(f, "ALLOW_") {
			old++
		}
	}
	if old > 0 && old < len(c.Flows) {
		return refusal.Invalid("ExplicitAuthFlows cannot mix values with and without the prefix ALLOW_.")
	}
	return nil
}

func checkLifetimes(c *userpool.ClientSettings) error {
	refresh := c.Lifetime(userpool.UseRefresh)
	if refresh < userpool.MinRefreshLife || refresh > userpool.MaxRefreshLife {
		return refusal.Invalid("Invalid range for token validity.")
	}
	for _, use := range []string{userpool.UseAccess, userpool.UseID} {
		if life := c.Lifetime(use); life < userpool.MinTokenLife || life > userpool.MaxTokenLife || life > refresh {
			return refusal.Invalid("Invalid range for token validity.")
		}
	}
	return nil
}

// checkPermissions checks that the lists name attributes, and that users can set what the schema requires of them.
func checkPermissions(p *userpool.Pool, c *userpool.ClientSettings) error {
	for _, name := range c.Read {
		if userpool.AttributeIndex(p.Schema, name) < 0 {
			return refusal.Invalid("Invalid read attributes specified while creating a client")
		}
	}
	for _, name := range c.Write {
		i := userpool.AttributeIndex(p.Schema, name)
		if i < 0 || name == "sub" || name == "email_verified" || name == "phone_number_verified" {
			return refusal.Invalid("Invalid write attributes specified while creating a client")
		}
	}
	for i := range p.Schema {
		a := &p.Schema[i]
		if len(c.Write) > 0 && a.Required && a.Name != "sub" && !slices.Contains(c.Write, a.Name) {
			return refusal.Invalid("Invalid write attributes specified while creating a client")
		}
	}
	return nil
}

// CreateUserPoolClient implements api.Service.
func (s *Administrator) CreateUserPoolClient(ctx context.Context, call *pipeline.Call, in *api.CreateUserPoolClientInput) (*api.CreateUserPoolClientOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	set, err := newClientSettings(c.Pool, &api.UpdateUserPoolClientInput{
		AccessTokenValidity: in.AccessTokenValidity, AllowedOAuthFlows: in.AllowedOAuthFlows,
		AllowedOAuthFlowsUserPoolClient: in.AllowedOAuthFlowsUserPoolClient, AllowedOAuthScopes: in.AllowedOAuthScopes,
		AuthSessionValidity: in.AuthSessionValidity, CallbackURLs: in.CallbackURLs, DefaultRedirectURI: in.DefaultRedirectURI,
		EnablePropagateAdditionalUserContextData: in.EnablePropagateAdditionalUserContextData,
		EnableTokenRevocation:                    in.EnableTokenRevocation, ExplicitAuthFlows: in.ExplicitAuthFlows,
		IdTokenValidity: in.IdTokenValidity, LogoutURLs: in.LogoutURLs, PreventUserExistenceErrors: in.PreventUserExistenceErrors,
		ReadAttributes: in.ReadAttributes, RefreshTokenRotation: in.RefreshTokenRotation, RefreshTokenValidity: in.RefreshTokenValidity,
		SupportedIdentityProviders: in.SupportedIdentityProviders, TokenValidityUnits: in.TokenValidityUnits, WriteAttributes: in.WriteAttributes,
		AnalyticsConfiguration: in.AnalyticsConfiguration,
	})
	if err != nil {
		return nil, err
	}
	app := &userpool.Client{
		ID: random.Text(lowerAlphanumeric, clientIDLength), Pool: c.Pool.ID, Name: opt.Value(in.ClientName), Created: call.Now, Modified: call.Now,
		ClientSettings: set,
	}
	secret := opt.Value(in.ClientSecret)
	if secret == "" && opt.Value(in.GenerateSecret) {
		secret = random.Text(lowerAlphanumeric, secretLength)
	}
	if secret != "" {
		sealed, err := c.newSecret(app, secret)
		if err != nil {
			return nil, err
		}
		app.Secrets = []userpool.ClientSecret{sealed}
	}
	if err := c.createClient(app); err != nil {
		return nil, err
	}
	return &api.CreateUserPoolClientOutput{UserPoolClient: describeClient(app, []byte(secret))}, nil
}

func (c *Request) createClient(app *userpool.Client) error {
	return c.DB.Update(c.Ctx, c.Call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		if c.Pool.Gone(rec) {
			return refusal.PoolNotFound(c.Pool.ID)
		}
		if err := c.checkOAuth(rec, &app.ClientSettings, app.Confidential()); err != nil {
			return err
		}
		k := store.K("client", app.ID)
		if _, taken, err := dir.Get(k); err != nil || taken {
			return errors.Join(err, errors.New("cognitoidp: the id of a new client is taken"))
		}
		return errors.Join(
			store.Save(dir, k, &userpool.Place{Account: c.Pool.Account, Region: c.Pool.Region, Pool: c.Pool.ID}),
			store.Save(rec, userpool.ClientKey(c.Pool.ID, app.ID), app))
	})
}

func describeClient(c *userpool.Client, secret []byte) *api.UserPoolClientType {
	hide := api.PreventUserExistenceErrorTypesLegacy
	if c.HideUsers {
		hide = api.PreventUserExistenceErrorTypesEnabled
	}
	minutes := c.SessionMinutes
	if minutes == 0 {
		minutes = userpool.DefaultSessionMinutes
	}
	out := &api.UserPoolClientType{
		UserPoolId: new(c.Pool), ClientId: new(c.ID), ClientName: new(c.Name), ClientSecret: opt.Present(string(secret)),
		CreationDate: new(c.Created), LastModifiedDate: new(c.Modified), ExplicitAuthFlows: userpool.Enums[api.ExplicitAuthFlowsType](c.Flows),
		ReadAttributes: c.Read, WriteAttributes: c.Write, RefreshTokenValidity: new(int32(c.Refresh)),
		PreventUserExistenceErrors: hide, EnableTokenRevocation: new(!c.NoRevocation), AuthSessionValidity: new(minutes),
		SupportedIdentityProviders: c.IdentityProviders, CallbackURLs: c.CallbackURLs, LogoutURLs: c.LogoutURLs,
		DefaultRedirectURI: c.DefaultRedirectURI, AllowedOAuthFlows: c.OAuthFlows, AllowedOAuthScopes: c.OAuthScopes,
		AllowedOAuthFlowsUserPoolClient: new(c.OAuth), EnablePropagateAdditionalUserContextData: new(c.Propagate),
	}
	if c.Refresh == 0 {
		out.RefreshTokenValidity = new(int32(userpool.DefaultRefreshLife / (24 * time.Hour)))
	}
	if c.Access != 0 {
		out.AccessTokenValidity = new(int32(c.Access))
	}
	if c.Identity != 0 {
		out.IdTokenValidity = new(int32(c.Identity))
	}
	out.RefreshTokenRotation = c.Rotation
	if c.Units != (api.TokenValidityUnitsType{}) {
		out.TokenValidityUnits = new(c.Units)
	}
	return out
}

// DescribeUserPoolClient implements api.Service.
func (s *Administrator) DescribeUserPoolClient(ctx context.Context, call *pipeline.Call, in *api.DescribeUserPoolClientInput) (*api.DescribeUserPoolClientOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	app, err := c.Client(opt.Value(in.ClientId))
	if err != nil {
		return nil, err
	}
	d, err := c.describeClient(app)
	if err != nil {
		return nil, err
	}
	return &api.DescribeUserPoolClientOutput{UserPoolClient: d}, nil
}

// describeClient shows the newest of the secrets, which is the one that applications are to change over to.
func (c *Request) describeClient(app *userpool.Client) (*api.UserPoolClientType, error) {
	secrets, err := c.OpenSecrets(app)
	if err != nil {
		return nil, err
	}
	if len(secrets) == 0 {
		return describeClient(app, nil), nil
	}
	return describeClient(app, secrets[len(secrets)-1]), nil
}

// UpdateUserPoolClient implements api.Service. As with AWS, settings that are not named fall back to their defaults.
func (s *Administrator) UpdateUserPoolClient(ctx context.Context, call *pipeline.Call, in *api.UpdateUserPoolClientInput) (*api.UpdateUserPoolClientOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	set, err := newClientSettings(c.Pool, in)
	if err != nil {
		return nil, err
	}
	app, err := c.changeClient(in.ClientId, func(rec *store.Records, app *userpool.Client) error {
		app.ClientSettings = set
		if in.ClientName != nil {
			app.Name = *in.ClientName
		}
		return c.checkOAuth(rec, &app.ClientSettings, app.Confidential())
	})
	if err != nil {
		return nil, err
	}
	d, err := c.describeClient(app)
	if err != nil {
		return nil, err
	}
	return &api.UpdateUserPoolClientOutput{UserPoolClient: d}, nil
}

// DeleteUserPoolClient implements api.Service.
func (s *Administrator) DeleteUserPoolClient(ctx context.Context, call *pipeline.Call, in *api.DeleteUserPoolClientInput) (*api.DeleteUserPoolClientOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	id := opt.Value(in.ClientId)
	err = s.DB.Update(ctx, call.Grant, func(tx *store.Tx) error {
		rec, err := tx.Home()
		if err != nil {
			return err
		}
		dir, err := tx.Directory()
		if err != nil {
			return err
		}
		k := userpool.ClientKey(c.Pool.ID, id)
		if _, found, err := rec.Get(k); err != nil {
			return err
		} else if !found {
			return refusal.ClientNotFound(id)
		}
		rec.ChangedIn(c.Pool.ID)
		return errors.Join(rec.Delete(k), dir.Delete(store.K("client", id)))
	})
	if err != nil {
		return nil, err
	}
	return &api.DeleteUserPoolClientOutput{}, nil
}

// ListUserPoolClients implements api.Service.
func (s *Administrator) ListUserPoolClients(ctx context.Context, call *pipeline.Call, in *api.ListUserPoolClientsInput) (*api.ListUserPoolClientsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	apps, token, err := userpool.ListPage[userpool.Client](c.Request, "ListUserPoolClients", "", userpool.InPool(c.Pool.ID, "client"), in.NextToken, in.MaxResults, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListUserPoolClientsOutput{UserPoolClients: []api.UserPoolClientDescription{}, NextToken: token}
	for _, app := range apps {
		out.UserPoolClients = append(out.UserPoolClients, api.UserPoolClientDescription{
			ClientId: new(app.ID), ClientName: new(app.Name), UserPoolId: new(app.Pool),
		})
	}
	return out, nil
}

// maxGrace is RetryGracePeriodSeconds' upper bound; it is also the model's.
const maxGrace = 60

// setRotation reads whether refresh tokens are replaced at each use.
func setRotation(s *userpool.ClientSettings, r *api.RefreshTokenRotationType) error {
	if r == nil {
		return nil
	}
	s.Rotation = r
	switch grace := opt.Value(r.RetryGracePeriodSeconds); {
	case grace < 0 || grace > maxGrace:
		return refusal.Invalid("RetryGracePeriodSeconds must be between 0 and %d.", maxGrace)
	case !s.Rotates():
		return nil
	case s.NoRevocation:
		return refusal.Invalid("Refresh token rotation requires token revocation.")
	}
	for _, f := range s.Flows {
		if f == "ALLOW_REFRESH_TOKEN_AUTH" || f == "ADMIN_NO_SRP_AUTH" || f == "CUSTOM_AUTH_FLOW_ONLY" || f == "USER_PASSWORD_AUTH" {
			return refusal.Invalid("Refresh token rotation cannot be enabled together with ALLOW_REFRESH_TOKEN_AUTH.")
		}
	}
	return nil
}
