package tokens

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Why tokens are made, in the words of the pre token generation trigger.
const (
	SourceAuthentication    = "TokenGeneration_Authentication"
	SourceNewPassword       = "TokenGeneration_NewPasswordChallenge"
	SourceDevice            = "TokenGeneration_AuthenticateDevice"
	SourceRefresh           = "TokenGeneration_RefreshTokens"
	SourceHostedAuth        = "TokenGeneration_HostedAuth"
	SourceClientCredentials = "TokenGeneration_ClientCredentials"
)

// MaxAddedClaims bounds what a function adds to one token, in bytes of JSON: a token has to fit into a header.
const MaxAddedClaims = 32 << 10

// machineName is the userName of events that are about an app client and no user.
const machineName = "ClientCredentials"

type tokenRequest struct {
	UserAttributes map[string]string `json:"userAttributes"`
	Groups         groupDetails      `json:"groupConfiguration"`
	Scopes         []string          `json:"scopes,omitempty"` // from version 2 on
	ClientMetadata map[string]string `json:"clientMetadata,omitempty"`
}

// groupDetails are the groups and roles of a user, as they are or as the function wants them.
type groupDetails struct {
	Groups    []string `json:"groupsToOverride,omitempty"`
	Roles     []string `json:"iamRolesToOverride,omitempty"`
	Preferred *string  `json:"preferredRole,omitempty"`
}

// responseV1 is what version 1 decides: of the ID token, with text values, and of the groups in both.
type responseV1 struct {
	Details *struct {
		Add      map[string]string `json:"claimsToAddOrOverride"`
		Suppress []string          `json:"claimsToSuppress"`
		Groups   *groupDetails     `json:"groupOverrideDetails"`
	} `json:"claimsOverrideDetails"`
}

// responseV2 is what versions 2 and 3 decide.
type responseV2 struct {
	Details *tokenChange `json:"claimsAndScopeOverrideDetails"`
}

// tokenChange is what the function wants changed of a set of tokens.
type tokenChange struct {
	ID     claimChange   `json:"idTokenGeneration"`
	Access claimChange   `json:"accessTokenGeneration"`
	Groups *groupDetails `json:"groupOverrideDetails"`
}

// claimChange is that of one token. Scopes are for access tokens.
type claimChange struct {
	Add            map[string]json.RawMessage `json:"claimsToAddOrOverride"`
	Suppress       []string                   `json:"claimsToSuppress"`
	AddScopes      []string                   `json:"scopesToAdd"`
	SuppressScopes []string                   `json:"scopesToSuppress"`
}

// Claims that a function cannot touch ("Pre token generation Lambda trigger", excluded claims and scopes). What it says of
// them is passed over, as AWS does.
var (
	FixedClaims = []string{
		"acr", "amr", "at_hash", "auth_time", "azp", "exp", "iat", "iss", "jti", "nbf", "nonce", "origin_jti", "sub", "token_use",
	}
	FixedIDClaims     = []string{"identities", "aud", "cognito:username"}
	FixedAccessClaims = []string{"username", "client_id", "scope", "device_key", "event_id", "version"}
	// plainClaims of an ID token have no objects for values.
	plainClaims = []string{"phone_number_verified", "email_verified", "updated_at", "address"}
)

// reservedScopes begin the scopes that a function cannot add.
const reservedScopes = "aws.cognito"

// Customize lets the pre token generation trigger change the claims of tokens that are about to be signed; either map may
// be nil where no such token is made. It is called for each set of tokens, whatever they come of. A function may set the
// claim https://aws.amazon.com/tags, and so the session tags of the tokens' bearer, as on AWS: it belongs to the pool's
// operator. No claim by which this server knows its tokens again can be changed.
func (c *Request) Customize(i *Issuance, id, access map[string]any) error {
	if trigger.FunctionOf(c.Pool, trigger.PreTokenGeneration) == "" {
		return nil
	}
	version := c.Pool.Settings.Lambda.PreTokenGenerationConfig.LambdaVersion
	if i.Source == SourceClientCredentials && version != api.PreTokenGenerationLambdaVersionTypeV30 {
		return nil
	}
	change, err := c.askTokenChange(i, version, access)
	if err != nil || change == nil {
		return err
	}
	if err := change.apply(id, access); err != nil {
		return err
	}
	return c.stillSignedIn(i.User)
}

func (c *Request) askTokenChange(i *Issuance, version api.PreTokenGenerationLambdaVersionType, access map[string]any) (*tokenChange, error) {
	o := trigger.Occasion{At: trigger.PreTokenGeneration, Source: i.Source, Client: i.App.ID, Name: machineName, Version: strings.TrimSuffix(strings.TrimPrefix(string(version), "V"), "_0")}
	req := tokenRequest{UserAttributes: map[string]string{}, ClientMetadata: i.Meta}
	if i.User != nil {
		o.Name, req.UserAttributes, req.Groups = i.User.Username, trigger.AttributesOf(i.User), groupsFor(i.Groups)
	}
	if version == api.PreTokenGenerationLambdaVersionTypeV10 {
		return c.askV1(o, req)
	}
	if scope, ok := access["scope"].(string); ok {
		req.Scopes = strings.Fields(scope)
	}
	var out responseV2
	if err := c.triggers.Invoke(c.Request, o, req, &out); err != nil {
		return nil, err
	}
	if out.Details == nil {
		out.Details = &tokenChange{}
	}
	return out.Details, nil
}

func (c *Request) askV1(o trigger.Occasion, req tokenRequest) (*tokenChange, error) {
	var out responseV1
	if err := c.triggers.Invoke(c.Request, o, req, &out); err != nil {
		return nil, err
	}
	change := &tokenChange{}
	if out.Details == nil {
		return change, nil
	}
	change.Groups, change.ID = out.Details.Groups, claimChange{Suppress: out.Details.Suppress, Add: map[string]json.RawMessage{}}
	for name, value := range out.Details.Add {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fault.Wrap(err, "encode a claim")
		}
		change.ID.Add[name] = text
	}
	return change, nil
}

// groupsFor are the groups as events show them.
func groupsFor(m userpool.Membership) groupDetails {
	claims := map[string]any{}
	m.Claim(claims, true)
	var d groupDetails
	d.Groups, _ = claims["cognito:groups"].([]string)
	d.Roles, _ = claims["cognito:roles"].([]string)
	if role, ok := claims["cognito:preferred_role"].(string); ok {
		d.Preferred = &role
	}
	return d
}

func (t *tokenChange) apply(id, access map[string]any) error {
	if t.Groups != nil {
		t.Groups.set(id, true)
		t.Groups.set(access, false)
	}
	if id != nil {
		if err := t.ID.apply(id, FixedIDClaims, plainClaims, ""); err != nil {
			return err
		}
	}
	if access == nil {
		return nil
	}
	client, _ := access["client_id"].(string)
	if err := t.Access.apply(access, FixedAccessClaims, nil, client); err != nil {
		return err
	}
	return t.Access.scopes(access)
}

// set puts groups and roles in place of those in the claims.
func (g *groupDetails) set(claims map[string]any, roles bool) {
	if claims == nil {
		return
	}
	for _, name := range []string{"cognito:groups", "cognito:roles", "cognito:preferred_role"} {
		delete(claims, name)
	}
	if len(g.Groups) > 0 {
		claims["cognito:groups"] = g.Groups
	}
	if roles && len(g.Roles) > 0 {
		claims["cognito:roles"] = g.Roles
	}
	if roles && g.Preferred != nil && *g.Preferred != "" {
		claims["cognito:preferred_role"] = *g.Preferred
	}
}

// apply changes the claims of one token. A claim that is both added and suppressed is suppressed. audience is what an
// added aud may say, "" for none.
func (ch *claimChange) apply(claims map[string]any, fixed, plain []string, audience string) error {
	untouchable := func(name string) bool { return slices.Contains(FixedClaims, name) || slices.Contains(fixed, name) }
	size := 0
	for name, text := range ch.Add {
		if untouchable(name) || strings.HasPrefix(name, "cognito:") || strings.HasPrefix(name, userpool.DevPrefix) {
			continue
		}
		value, err := claimOf(text)
		if err != nil {
			return trigger.Unrecognizable()
		}
		if value == nil || name == "aud" && value != any(audience) {
			continue
		}
		if slices.Contains(plain, name) && !isPlain(value) {
			return trigger.BadResponse("the claim %s cannot be an object or an array", name)
		}
		if size += len(name) + len(text); size > MaxAddedClaims {
			return trigger.BadResponse("the claims of a token are longer than %d bytes", MaxAddedClaims)
		}
		claims[name] = value
	}
	for _, name := range ch.Suppress {
		if !untouchable(name) {
			delete(claims, name)
		}
	}
	return nil
}

// claimOf reads a value with its numbers as they are written.
func claimOf(text json.RawMessage) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func isPlain(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// scopes changes the scopes of an access token.
func (ch *claimChange) scopes(claims map[string]any) error {
	if len(ch.AddScopes) == 0 && len(ch.SuppressScopes) == 0 {
		return nil
	}
	text, _ := claims["scope"].(string)
	scopes := strings.Fields(text)
	size := 0
	for _, s := range ch.AddScopes {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }) {
			return trigger.BadResponse("a scope is not a scope-token") // RFC 6749 section 3.3
		}
		if size += len(s); size > MaxAddedClaims {
			return trigger.BadResponse("the scopes are longer than %d bytes", MaxAddedClaims)
		}
		if !strings.HasPrefix(s, reservedScopes) && !slices.Contains(scopes, s) {
			scopes = append(scopes, s)
		}
	}
	scopes = slices.DeleteFunc(scopes, func(s string) bool { return slices.Contains(ch.SuppressScopes, s) })
	claims["scope"] = strings.Join(scopes, " ")
	return nil
}

// stillSignedIn checks, after a function took its time, that the user was not signed out, disabled or deleted meanwhile.
func (c *Request) stillSignedIn(u *userpool.User) error {
	if u == nil {
		return nil
	}
	return c.View(func(rec *store.Records) error {
		now, err := store.Load[userpool.User](rec, userpool.UserKey(c.Pool.ID, u.Sub))
		if err == nil && (now == nil || now.Disabled || now.Epoch != u.Epoch) {
			err = refusal.BadCredentials()
		}
		return err
	})
}
