package cognitoidp

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead/bulkhead/api/login"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// ThirdPartyTag names the app clients of a pool that are not the operator's own: users are asked whether such a client may
// have what it wants. Its value are client ids, or "*" for all; Cognito has nothing like it.
const ThirdPartyTag = "bulkhead:third-party-clients"

// ConsentScope is one thing that a client wants.
type ConsentScope struct {
	// Name is the scope, Description what its resource server says of it or what the pool does of its own.
	Name, Description string
}

// ownDescriptions say what the pool's own scopes tell or let do.
var ownDescriptions = map[string]string{
	tokens.ScopeOpenID: "Know who you are in this account", tokens.ScopeEmail: "See your e-mail address", tokens.ScopePhone: "See your phone number",
	tokens.ScopeProfile: "See your profile", tokens.ScopeSelf: "Read and change your account, your password and your sign-in methods",
}

// consent is what a user lets a client have until they say otherwise.
type consent struct {
	Scopes []string
	At     time.Time
}

func consentKey(pool, sub, client string) store.Key {
	return userpool.InPool(pool, "consent", sub, client)
}

// thirdParty reports whether the app client is somebody else's.
func (a *authorization) thirdParty() bool {
	named := userpool.SplitTag(a.Pool.Tags[ThirdPartyTag])
	return slices.Contains(named, "*") || slices.Contains(named, a.app.ID)
}

// consentNeeded reports whether the user has to be asked.
func (o *onward) consentNeeded() (bool, error) {
	if !o.thirdParty() {
		return false, nil
	}
	if o.prompts("consent") {
		return true, nil
	}
	known, err := userpool.Read(o, func(rec *store.Records) (*consent, error) {
		return store.Load[consent](rec, consentKey(o.Pool.ID, o.visitor.user.Sub, o.app.ID))
	})
	if err != nil || known == nil {
		return true, err
	}
	return slices.ContainsFunc(o.scopes, func(s string) bool { return !slices.Contains(known.Scopes, s) }), nil
}

// consentGate asks for what the user has not consented to yet.
func (o *onward) consentGate() (map[string]string, error) {
	needed, err := o.consentNeeded()
	if err != nil || !needed {
		return nil, err
	}
	wanted, err := userpool.Read(o, o.describeScopes)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(wanted)
	if err != nil {
		return nil, fault.Wrap(err, "encode scopes")
	}
	return map[string]string{ParamScopes: string(text), ParamName: o.visitor.user.Username}, nil
}

// describeScopes says what the request's scopes mean.
func (o *onward) describeScopes(rec *store.Records) ([]ConsentScope, error) {
	var out []ConsentScope
	for _, name := range o.scopes {
		s := ConsentScope{Name: name, Description: ownDescriptions[name]}
		if i := strings.LastIndexByte(name, '/'); i > 0 && s.Description == "" {
			r, err := store.Load[poolsettings.ResourceServer](rec, poolsettings.ResourceServerKey(o.Pool.ID, name[:i]))
			if err != nil {
				return nil, err
			}
			s.Description = describeScope(r, name[i+1:])
		}
		out = append(out, s)
	}
	return out, nil
}

// describeScope is what a resource server says of a scope, with its own name; "" for a server that is gone.
func describeScope(r *poolsettings.ResourceServer, name string) string {
	if r == nil {
		return ""
	}
	for _, s := range r.Scopes {
		if s.Name == name {
			return r.Name + ": " + s.Description
		}
	}
	return ""
}

// takeConsent keeps the user's answer. A refusal goes to the client, and takes back what was consented to before.
func (o *onward) takeConsent(answer string) (refused *login.SignInOutput, err error) {
	k := consentKey(o.Pool.ID, o.visitor.user.Sub, o.app.ID)
	o.Call.Note("sub", o.visitor.user.Sub)
	switch answer {
	case ConsentAllow:
		o.Call.Note("consent", strings.Join(o.scopes, " "))
		return nil, o.Update(func(rec *store.Records) error {
			known, err := store.Load[consent](rec, k)
			if err != nil {
				return err
			}
			next := &consent{At: o.Call.Now, Scopes: slices.Clone(o.scopes)}
			if known != nil {
				next.Scopes = append(next.Scopes, slices.DeleteFunc(known.Scopes, func(s string) bool {
					return slices.Contains(o.scopes, s) || !slices.Contains(o.app.OAuthScopes, s)
				})...)
			}
			return store.Save(rec, k, next)
		})
	case ConsentDeny:
		err := o.Update(func(rec *store.Records) error { return rec.Delete(k) })
		return &login.SignInOutput{Location: new(o.refusal(oauthError(ErrAccessDenied, "The user has denied the request.")))}, err
	}
	return nil, refusal.Missing(AnswerConsent)
}
