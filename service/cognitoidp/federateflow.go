package cognitoidp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/federation/oidc"
	"github.com/bulkhead/bulkhead/internal/federation/saml"
	"github.com/bulkhead/bulkhead/internal/keyring"
	"github.com/bulkhead/bulkhead/internal/outside"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Where browsers come back to, below a pool's domain.
const (
	pathOIDCResponse = "/oauth2/idpresponse"
	pathSAMLResponse = "/saml2/idpresponse"
	pathSAMLLogout   = "/saml2/logout"
)

// awayLife is how long a user may take at a provider.
const awayLife = 15 * time.Minute

// spentFlow and spentAssertion are flows that came back, and assertions that were taken.
const (
	spentFlow      = "flow"
	spentAssertion = "assertion"
)

// entityID is the pool to SAML providers ("Adding SAML identity providers to a user pool").
func entityID(p *userpool.Pool) string { return "urn:amazon:cognito:sp:" + p.ID }

// reach sets up what reaches outside providers.
func (s *Service) reach(client *outside.Client, tokens *webtoken.Verifier) (err error) {
	if client == nil {
		client = outside.New(outside.Options{})
	}
	if tokens == nil {
		tokens = webtoken.New(webtoken.Options{})
	}
	s.outside, s.outsideTokens = client, tokens
	s.relying, err = oidc.New(client, tokens)
	return err
}

// away is a sign-in that is at a provider. It is sealed and held by the browser that left, in a cookie, so that what comes
// back with another browser is refused; the state that travels along only names it.
type away struct {
	ID       string // the state, or SAML's RelayState
	Client   string
	Provider string
	Base     string // of the pool's domain
	Expires  time.Time
	Flow     *oidc.Flow `json:",omitempty"`
	Request  string     `json:",omitempty"` // the id of the SAML request
	Logout   bool       `json:",omitempty"`
	// Resume is what the sign-in pages go on with.
	Resume []byte
}

// departure is where the browser is sent, and what it must hold until it is back.
type departure struct {
	// To is a redirect, or with Field a form.
	To saml.Message
	// State names the flow, Sealed is for a cookie that is found by it, until Expires.
	State   string
	Sealed  string
	Expires time.Time
}

// depart begins a sign-in at a provider. base is the pool's domain as the browser sees it, https://host; resume comes back
// with the user; hint is who the user may be at the provider, or "".
func (a *attempt) depart(p *provider, base string, resume []byte, hint string) (*departure, error) {
	f := &away{Client: a.app.ID, Provider: p.Name, Base: base, Expires: a.Call.Now.Add(awayLife), Resume: resume}
	var to *saml.Message
	var err error
	if p.Type == api.IdentityProviderTypeTypeSaml {
		to, err = a.departSAML(p, f)
	} else {
		to, err = a.departOIDC(p, f, hint)
	}
	if err != nil {
		return nil, err
	}
	sealed, err := a.sealAway(f)
	return &departure{To: *to, State: f.ID, Sealed: sealed, Expires: f.Expires}, err
}

func (a *attempt) departOIDC(p *provider, f *away, hint string) (*saml.Message, error) {
	rp, err := a.relyingOn(p)
	if err != nil {
		return nil, err
	}
	extra := url.Values{}
	if hint != "" && len(hint) <= maxNameLength && p.Type == api.IdentityProviderTypeTypeOidc {
		extra.Set("login_hint", hint)
	}
	to, flow, err := a.relying.Begin(rp, f.Base+pathOIDCResponse, extra)
	if err != nil {
		return nil, fault.Wrap(err, "begin a sign-in at a provider")
	}
	f.ID, f.Flow = flow.State, flow
	return &saml.Message{URL: to}, nil
}

func (a *attempt) departSAML(p *provider, f *away) (*saml.Message, error) {
	m, err := a.metadataOf(p)
	if err != nil {
		return nil, err
	}
	sp, err := a.serviceProvider(f.Base)
	if err != nil {
		return nil, err
	}
	f.ID = random.Text(random.Alphanumeric, 43)
	id, to, err := sp.AuthnRequest(m, f.ID, p.Details[detailSigning] != "", a.Call.Now)
	if err != nil {
		return nil, fault.Wrap(err, "make a SAML request")
	}
	f.Request = id
	return to, nil
}

// serviceProvider is the pool to SAML providers.
func (c *scoped) serviceProvider(base string) (*saml.ServiceProvider, error) {
	key, pair, err := c.samlKey(samlSignature)
	if err != nil {
		return nil, err
	}
	return &saml.ServiceProvider{
		Entity: entityID(c.Pool), ACS: base + pathSAMLResponse, SLO: base + pathSAMLLogout, Key: key, Certificate: pair.Certificate,
	}, nil
}

func (c *scoped) sealAway(f *away) (string, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return "", fault.Wrap(err, "encode a flow")
	}
	sealed, err := c.Keyring.Seal(keyring.FederationState, c.Pool.Scope(), text, []byte(f.ID))
	return base64.RawURLEncoding.EncodeToString(sealed), fault.Doing(err, "seal a flow")
}

// badState is all that is told of a response that does not belong to a flow of this browser.
func badState() error { return refusal.Invalid("Invalid state or the sign-in took too long.") }

// openAway reads the flow that a response names, from the cookie of the browser that brought it.
func (c *scoped) openAway(state, sealed, base string) (*away, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || state == "" {
		return nil, badState()
	}
	text, err := c.Keyring.Open(keyring.FederationState, c.Pool.Scope(), b, []byte(state))
	if err != nil {
		return nil, badState()
	}
	var f away
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fault.Wrap(err, "read a flow")
	}
	if subtle.ConstantTimeCompare([]byte(f.ID), []byte(state)) != 1 || f.Base != base || !c.Call.Now.Before(f.Expires) {
		return nil, badState()
	}
	return &f, nil
}

// spendFlow has a flow come back once.
func (c *scoped) spendFlow(f *away) error {
	return c.Update(func(rec *store.Records) error {
		fresh, err := c.Spend(rec, spentFlow, f.ID, f.Expires)
		if err == nil && !fresh {
			err = badState()
		}
		return err
	})
}

// returned is what a browser brings back from a provider.
type returned struct {
	// Base is the pool's domain, State what names the flow, and Sealed the cookie of that name.
	Base, State, Sealed string
	// OIDC is the response of OpenID Connect and OAuth 2.
	OIDC oidc.Response
	// SAML is SAMLResponse.
	SAML string
	// Error is the provider's error, with its description.
	Error, Description string
}

// homecoming is who came back, and what the sign-in pages go on with.
type homecoming struct {
	app     *userpool.Client
	outcome *outcome
	by      string // the provider's name
	resume  []byte
	// session is for logout at the provider; nil if it has none.
	session *providerSession
}

// providerSession is what ends the user's session at a SAML provider.
type providerSession struct {
	Provider, NameID, Format, Qualifier, Index string
}

// comeBack ends a flow: it finds it by the browser's cookie, spends it, checks what the provider said and signs the user
// in. resume is set even if that fails, once the flow is known to be the browser's.
func (c *scoped) comeBack(in *returned) (*homecoming, error) {
	f, err := c.openAway(in.State, in.Sealed, in.Base)
	if err != nil {
		return nil, err
	}
	if f.Logout {
		return nil, badState()
	}
	if err := c.spendFlow(f); err != nil {
		return nil, err
	}
	app, err := c.Client(f.Client)
	if err != nil {
		return nil, err
	}
	h := &homecoming{app: app, resume: f.Resume}
	p, err := c.loadProvider(f.Provider)
	if err == nil && p == nil {
		err = providerNotFound(f.Provider)
	}
	if err != nil {
		return h, err
	}
	if in.Error != "" {
		return h, refusedGuest("%.64s: %.512s", in.Error, in.Description)
	}
	v, err := c.guestOf(p, f, in)
	if err != nil {
		return h, err
	}
	return h, c.land(h, v)
}

// land signs the guest in.
func (c *scoped) land(h *homecoming, v *guest) (err error) {
	h.by = v.from.Name
	a := &attempt{scoped: c, app: h.app, channel: channelLogin}
	if h.outcome, err = a.welcome(v); err != nil {
		return err
	}
	if s := v.session; s != nil && v.from.Details[detailIDPSignout] == textTrue {
		h.session = &providerSession{v.from.Name, s.NameID, s.NameFormat, s.NameQualifier, s.SessionIndex}
	}
	return nil
}

func (c *scoped) guestOf(p *provider, f *away, in *returned) (*guest, error) {
	if p.Type == api.IdentityProviderTypeTypeSaml {
		if f.Request == "" {
			return nil, badState()
		}
		return c.samlGuest(p, f.Base, f.Request, in.SAML)
	}
	if f.Flow == nil {
		return nil, badState()
	}
	rp, err := c.relyingOn(p)
	if err != nil {
		return nil, err
	}
	id, err := c.relying.Finish(c.Ctx, rp, f.Flow, f.Base+pathOIDCResponse, &in.OIDC, c.Call.Now)
	if err != nil {
		return nil, badProviderResponse(p, err)
	}
	return &guest{from: p, issuer: rp.Issuer, id: id.Subject, claims: id.Claims}, nil
}

// badProviderResponse tells the user which provider it was, and the log what was wrong.
func badProviderResponse(p *provider, cause error) error {
	return api.NewNotAuthorizedException("The response of the identity provider %s was refused.", p.Name).With(cause)
}

// samlGuest checks a SAML response, to the request or to none, and spends its assertion.
func (c *scoped) samlGuest(p *provider, base, request, message string) (*guest, error) {
	m, err := c.metadataOf(p)
	if err != nil {
		return nil, err
	}
	want := &saml.Expect{
		IDP: m, Audiences: []string{entityID(c.Pool)}, Recipients: []string{base + pathSAMLResponse}, RequestID: request,
		Now: c.Call.Now, Skew: saml.DefaultSkew, MustEncrypt: p.Details[detailEncrypted] == textTrue,
	}
	if want.MustEncrypt {
		if want.Key, _, err = c.samlKey(samlEncryption); err != nil {
			return nil, err
		}
	}
	said, err := c.parseSAML(p, message, want)
	if err != nil {
		return nil, err
	}
	id := sha256.Sum256([]byte(p.Name + "\x00" + said.ID))
	err = c.Update(func(rec *store.Records) error {
		fresh, err := c.Spend(rec, spentAssertion, base64.RawURLEncoding.EncodeToString(id[:]), said.Until)
		if err == nil && !fresh {
			err = badProviderResponse(p, fmt.Errorf("the assertion was taken before"))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &guest{from: p, issuer: m.EntityID, id: said.NameID, claims: samlClaims(said), session: said}, nil
}

// parseSAML checks a response in its turn: anybody can send one, and it costs some milliseconds.
func (c *scoped) parseSAML(p *provider, message string, want *saml.Expect) (*saml.Assertion, error) {
	leave, err := c.Work.Enter(c.Ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	text, err := saml.Decode(message)
	if err != nil {
		return nil, badProviderResponse(p, err)
	}
	said, err := saml.Parse(text, want)
	if err != nil {
		return nil, badProviderResponse(p, err)
	}
	return said, nil
}

// samlClaims are the attributes of an assertion as text: several values in brackets, each encoded as in a form, so that no
// value passes for two ("SAML attribute mapping").
func samlClaims(said *saml.Assertion) map[string]string {
	out := map[string]string{}
	for _, a := range said.Attributes {
		if _, twice := out[a.Name]; twice {
			continue
		}
		switch len(a.Values) {
		case 0:
		case 1:
			out[a.Name] = a.Values[0]
		default:
			parts := make([]string, len(a.Values))
			for i, v := range a.Values {
				parts[i] = url.QueryEscape(v)
			}
			out[a.Name] = "[" + strings.Join(parts, ",") + "]"
		}
	}
	return out
}

// The life of metadata that was fetched ("Cognito refreshes metadata every 6 hours or before the metadata expires").
const (
	metadataLife = 6 * time.Hour
	metadataWait = time.Minute // the least time between two fetches
	maxMetadatas = 1024
)

// metadataCache keeps what was parsed of metadata, and fetched anew since.
type metadataCache struct {
	mu   sync.Mutex
	docs map[string]*metadataEntry
}

type metadataEntry struct {
	parsed         *saml.Metadata
	fetched, tried time.Time
}

// metadataOf returns the metadata of a SAML provider: fetched anew when it is old and has a URL, the last known while
// that fails and it is still valid.
func (c *scoped) metadataOf(p *provider) (*saml.Metadata, error) {
	k := c.Pool.ID + "/" + p.Name + "/" + p.Modified.String()
	cache := &c.metadatas
	cache.mu.Lock()
	e := cache.docs[k]
	due := e != nil && p.Details[detailMetadataURL] != "" && c.Call.Now.Sub(e.tried) >= metadataWait &&
		(c.Call.Now.Sub(e.fetched) >= metadataLife || !e.parsed.ValidUntil.IsZero() && !c.Call.Now.Before(e.parsed.ValidUntil))
	if due {
		e.tried = c.Call.Now
	}
	cache.mu.Unlock()
	if e == nil {
		m, err := saml.ParseMetadata(p.Metadata, c.outside.Secure())
		if err != nil {
			return nil, fault.Wrap(err, "read metadata")
		}
		e = cache.keep(k, &metadataEntry{parsed: m, fetched: p.Modified})
		return c.metadataAfter(p, e)
	}
	if due {
		c.refreshMetadata(p, cache, e)
	}
	return c.validMetadata(p, cache, e)
}

// metadataAfter looks again at what was just read from the record, which may be old.
func (c *scoped) metadataAfter(p *provider, e *metadataEntry) (*saml.Metadata, error) {
	if p.Details[detailMetadataURL] != "" && c.Call.Now.Sub(e.fetched) >= metadataLife {
		return c.metadataOf(p)
	}
	return c.validMetadata(p, &c.metadatas, e)
}

func (c *scoped) validMetadata(p *provider, cache *metadataCache, e *metadataEntry) (*saml.Metadata, error) {
	cache.mu.Lock()
	defer cache.mu.Unlock()
	if m := e.parsed; m.ValidUntil.IsZero() || c.Call.Now.Before(m.ValidUntil) {
		return m, nil
	}
	return nil, badProviderResponse(p, fmt.Errorf("the metadata is not valid any more"))
}

// refreshMetadata fetches metadata anew. What fails leaves what is known: the next try comes after metadataWait.
func (c *scoped) refreshMetadata(p *provider, cache *metadataCache, e *metadataEntry) {
	doc, err := c.fetchMetadata(context.WithoutCancel(c.Ctx), p.Details[detailMetadataURL])
	if err != nil {
		return
	}
	m, err := c.parseMetadata(doc)
	if err != nil {
		return
	}
	cache.mu.Lock()
	defer cache.mu.Unlock()
	e.parsed, e.fetched = m, c.Call.Now
}

func (m *metadataCache) keep(k string, e *metadataEntry) *metadataEntry {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.docs[k]; known != nil {
		return known
	}
	if m.docs == nil || len(m.docs) >= maxMetadatas {
		m.docs = map[string]*metadataEntry{}
	}
	m.docs[k] = e
	return e
}
