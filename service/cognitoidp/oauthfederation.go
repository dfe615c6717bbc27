package cognitoidp

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/federation/saml"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// openByProvider is why what comes back from a provider needs no permission.
const openByProvider = "authorized by an identity provider of the pool, in the browser that was sent there"

// aboutFarewell is the sealed text of a session at a provider.
const aboutFarewell = "farewell"

// Depart implements login.Requirements.
func (r *oauthRequirements) Depart(s *authz.Scope, in *login.DepartInput) authz.Requirement {
	return r.forPool(s, openByClient, in.PoolId)
}

// Arrive implements login.Requirements.
func (r *oauthRequirements) Arrive(s *authz.Scope, in *login.ArriveInput) authz.Requirement {
	return r.forPool(s, openByProvider, in.PoolId)
}

// EndDeparture implements login.Requirements.
func (r *oauthRequirements) EndDeparture(s *authz.Scope, in *login.EndDepartureInput) authz.Requirement {
	return r.forPool(s, openByProvider, in.PoolId)
}

// chosen is the provider that the request asks for, or the only one of the app client; nil for the sign-in page.
func (a *authorization) chosen() (*provider, error) {
	name := opt.Value(a.req.IdentityProvider)
	switch id := opt.Value(a.req.IdpIdentifier); {
	case name == poolsettings.LocalProvider:
		return nil, nil //nolint:nilnil // the page
	case name != "":
	case id != "":
		p, err := a.providerByIdentifier(id)
		if err != nil {
			return nil, err
		}
		if p == nil {
			return nil, oauthError(ErrInvalidRequest, "There is no identity provider of this identifier for the client.")
		}
		name = p.Name
	case len(a.app.IdentityProviders) == 1 && a.app.IdentityProviders[0] != poolsettings.LocalProvider:
		name = a.app.IdentityProviders[0]
	default:
		return nil, nil //nolint:nilnil // the page
	}
	p, err := a.loadProvider(name)
	if err != nil {
		return nil, err
	}
	if p == nil || !slices.Contains(a.app.IdentityProviders, p.Name) {
		return nil, oauthError(ErrInvalidRequest, "There is no identity provider of this name for the client.")
	}
	return p, nil
}

// Depart implements login.Service: it sends the browser to the identity provider that the request asks for or that is the
// app client's only one. An answer without a location is for the sign-in page.
func (o *oauth) Depart(ctx context.Context, call *pipeline.Call, in *login.DepartInput) (*login.DepartOutput, error) {
	a, err := o.authorization(ctx, call, in.PoolId, in.Request)
	if err != nil {
		return nil, err
	}
	if f := a.check(); f != nil {
		return &login.DepartOutput{Location: new(a.refusal(f))}, nil
	}
	p, err := a.chosen()
	if err != nil || p == nil {
		return &login.DepartOutput{}, err
	}
	call.Note("identityProvider", p.Name)
	resume, err := json.Marshal(in.Request)
	if err != nil {
		return nil, fault.Wrap(err, "encode a request")
	}
	d, err := (&attempt{scoped: a.scoped, app: a.app, channel: channelLogin}).depart(p, opt.Value(in.Base), resume, opt.Value(a.req.LoginHint))
	if err != nil {
		return nil, err
	}
	return &login.DepartOutput{
		Location: &d.To.URL, Field: opt.Present(d.To.Field), Value: opt.Present(d.To.Value), RelayState: opt.Present(d.To.RelayState),
		State: &d.State, Sealed: &d.Sealed,
	}, nil
}

// Arrive implements login.Service: it takes what a browser brought back from a provider. What goes wrong is told to the
// app client by a redirect once it is known to be its request.
func (o *oauth) Arrive(ctx context.Context, call *pipeline.Call, in *login.ArriveInput) (*login.ArriveOutput, error) {
	c, err := o.s.in(ctx, call, in.PoolId)
	if err != nil {
		return nil, err
	}
	back := &returned{
		Base: opt.Value(in.Base), State: opt.Value(in.State), Sealed: opt.Value(in.Sealed), SAML: opt.Value(in.SamlResponse),
		Error: opt.Value(in.Error), Description: opt.Value(in.ErrorDescription),
	}
	back.OIDC.Code, back.OIDC.Issuer, back.OIDC.User = opt.Value(in.Code), opt.Value(in.Issuer), opt.Value(in.User)
	if back.Sealed == "" && back.SAML != "" {
		return o.unasked(c, back, in)
	}
	h, err := c.comeBack(back)
	if h == nil {
		return nil, err
	}
	var req login.AuthorizationRequest
	if jerr := json.Unmarshal(h.resume, &req); jerr != nil {
		return nil, fault.Wrap(jerr, "read a request")
	}
	a, aerr := o.authorization(ctx, call, in.PoolId, &req)
	if aerr != nil {
		return nil, aerr
	}
	return a.received(h, in, err)
}

// received answers the app client of a request that was at a provider.
func (a *authorization) received(h *homecoming, in *login.ArriveInput, err error) (*login.ArriveOutput, error) {
	if f := a.check(); f != nil {
		return &login.ArriveOutput{Location: new(a.refusal(f))}, nil
	}
	if err != nil {
		f := fault.From(err)
		if f.Class != fault.Modeled {
			return nil, err
		}
		a.Call.Note("refusal", f.Code)
		return &login.ArriveOutput{Location: new(a.refusal(oauthError(ErrInvalidRequest, f.Message)))}, nil
	}
	out, err := a.arrived(h.outcome, h.by, &onward{browser: opt.Value(in.Browser), base: opt.Value(in.Base)}, true)
	if err != nil {
		return nil, err
	}
	answer := &login.ArriveOutput{
		Location: out.Location, Session: out.Session, Challenge: out.Challenge, Parameters: out.Parameters, State: out.State, Request: a.req,
	}
	if h.session != nil {
		text, err := a.sealText(keyring.LoginSession, h.session, aboutFarewell)
		if err != nil {
			return nil, err
		}
		answer.Farewell = &text
	}
	return answer, nil
}

// unasked takes a SAML response that no request asked for, if the provider is set to (IDPInit). Its RelayState says what
// the app client would have asked for ("Using SAML session initiation with Amazon Cognito").
func (o *oauth) unasked(c *scoped, in *returned, from *login.ArriveInput) (*login.ArriveOutput, error) {
	q, err := url.ParseQuery(in.State)
	if err != nil {
		return nil, badState()
	}
	for _, values := range q {
		if len(values) != 1 {
			return nil, badState()
		}
	}
	p, err := c.loadProvider(q.Get("identity_provider"))
	if err != nil {
		return nil, err
	}
	if p == nil || p.Type != api.IdentityProviderTypeTypeSaml || p.Details[detailIDPInit] != textTrue {
		return nil, badState()
	}
	a, err := o.authorization(c.Ctx, c.Call, &c.Pool.ID, &login.AuthorizationRequest{
		ClientId: new(q.Get("client_id")), RedirectUri: opt.Present(q.Get("redirect_uri")), ResponseType: opt.Present(q.Get("response_type")),
		Scope: opt.Present(q.Get("scope")), State: opt.Present(q.Get("state")),
	})
	if err != nil {
		return nil, err
	}
	h := &homecoming{app: a.app}
	v, err := c.samlGuest(p, in.Base, "", in.SAML)
	if err == nil {
		err = c.land(h, v)
	}
	return a.received(h, from, err)
}

// takesLocal refuses the pool's own users where the app client is for those of providers.
func (a *authorization) takesLocal() error {
	if names := a.app.IdentityProviders; len(names) > 0 && !slices.Contains(names, poolsettings.LocalProvider) {
		return oauthError(ErrInvalidRequest, "The client is for users of its identity providers.")
	}
	return nil
}

// choices are the providers of an app client, for its sign-in page; local is true if it serves the pool's own users.
func (a *authorization) choices() (list []login.ProviderChoice, local bool, err error) {
	local = len(a.app.IdentityProviders) == 0
	err = a.View(func(rec *store.Records) error {
		list = list[:0]
		for _, name := range a.app.IdentityProviders {
			if name == poolsettings.LocalProvider {
				local = true
				continue
			}
			p, err := store.Load[provider](rec, userpool.ProviderKey(a.Pool.ID, name))
			if err != nil {
				return err
			}
			if p != nil {
				list = append(list, login.ProviderChoice{Name: new(p.Name), Type: new(string(p.Type))})
			}
		}
		return nil
	})
	return list, local, err
}

// farewell begins logout at the SAML provider that the browser's session came from, if it has a place for that. The
// browser comes back to /saml2/logout and goes on to where the logout was to lead.
func (c *scoped) farewell(app *userpool.Client, base, sealed, to string) (*departure, error) {
	s, ok := openText[providerSession](c, keyring.LoginSession, sealed, aboutFarewell)
	if !ok || base == "" {
		return nil, nil //nolint:nilnil // nothing to end
	}
	p, err := c.loadProvider(s.Provider)
	if err != nil || p == nil || p.Type != api.IdentityProviderTypeTypeSaml || p.Details[detailIDPSignout] != textTrue {
		return nil, err
	}
	m, err := c.metadataOf(p)
	if err != nil {
		return nil, err
	}
	sp, err := c.serviceProvider(base)
	if err != nil {
		return nil, err
	}
	f := &away{ID: random.Text(random.Alphanumeric, 43), Client: app.ID, Provider: p.Name, Base: base, Expires: c.Call.Now.Add(awayLife), Resume: []byte(to)}
	id, message, err := sp.LogoutRequest(m, &saml.Assertion{
		NameID: s.NameID, NameFormat: s.Format, NameQualifier: s.Qualifier, SessionIndex: s.Index,
	}, f.ID, c.Call.Now)
	if err != nil || message == nil {
		return nil, err
	}
	f.Request, f.Logout = id, true
	text, err := c.sealAway(f)
	return &departure{To: *message, State: f.ID, Sealed: text, Expires: f.Expires}, err
}

// EndDeparture implements login.Service: it takes the answer of a SAML provider to a logout.
func (o *oauth) EndDeparture(ctx context.Context, call *pipeline.Call, in *login.EndDepartureInput) (*login.EndDepartureOutput, error) {
	c, err := o.s.in(ctx, call, in.PoolId)
	if err != nil {
		return nil, err
	}
	base := opt.Value(in.Base)
	f, err := c.openAway(opt.Value(in.State), opt.Value(in.Sealed), base)
	if err != nil {
		return nil, err
	}
	if !f.Logout {
		return nil, badState()
	}
	if err := c.spendFlow(f); err != nil {
		return nil, err
	}
	p, err := c.loadProvider(f.Provider)
	if err == nil && p == nil {
		err = providerNotFound(f.Provider)
	}
	if err != nil {
		return nil, err
	}
	m, err := c.metadataOf(p)
	if err != nil {
		return nil, err
	}
	if raw := opt.Value(in.RawQuery); raw != "" {
		err = saml.LogoutAnswerByRedirect(raw, m, base+pathSAMLLogout, f.Request, call.Now)
	} else {
		var text []byte
		if text, err = saml.Decode(opt.Value(in.SamlResponse)); err == nil {
			err = saml.LogoutAnswer(text, m, base+pathSAMLLogout, f.Request, call.Now)
		}
	}
	if err != nil {
		return nil, badProviderResponse(p, err)
	}
	return &login.EndDepartureOutput{Location: opt.Present(string(f.Resume))}, nil
}
