package cognitoidp

import (
	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// sourceInbound is the inbound federation trigger's only source.
const sourceInbound = "InboundFederation_ExternalProvider"

// inboundAttributes are what an identity provider said of a user, before the attribute mapping.
type inboundAttributes struct {
	IDToken      map[string]string `json:"idToken,omitempty"`      // OIDC and social providers
	SAMLResponse map[string]string `json:"samlResponse,omitempty"` // SAML
}

type inboundRequest struct {
	ProviderName string            `json:"providerName"`
	ProviderType string            `json:"providerType"`
	Attributes   inboundAttributes `json:"attributes"`
}

// inboundFederation lets the inbound federation trigger change what a provider says of a guest, before the attribute
// mapping ("Inbound federation Lambda trigger"): what the function returns takes the place of all claims, under the
// provider's names; nothing returned leaves them as they are. The claims of an OpenID Connect provider are those of its ID
// token and its userInfo endpoint, joined. What comes of it is mapped and checked as the provider's own word is, and
// trusted no more: whose the guest is, and of which tenant, the function does not say.
func (a *attempt) inboundFederation(v *guest) error {
	if trigger.FunctionOf(a.Pool, trigger.InboundFederation) == "" {
		return nil
	}
	req := inboundRequest{ProviderName: v.from.Name, ProviderType: string(v.from.Type)}
	if v.from.Type == api.IdentityProviderTypeTypeSaml {
		req.Attributes.SAMLResponse = v.claims
	} else {
		req.Attributes.IDToken = v.claims
	}
	var out struct {
		Map map[string]string `json:"userAttributesToMap"`
	}
	err := a.triggers.Invoke(a.Request, trigger.Occasion{At: trigger.InboundFederation, Source: sourceInbound, Client: a.app.ID, Name: usernameOf(a.Pool, v)}, req, &out)
	if err == nil && len(out.Map) > 0 {
		v.claims = out.Map
	}
	return err
}

// beforeExternalSignUp asks the pre sign-up trigger before a profile is made for a guest, with the attributes it is to
// have. An error refuses the sign-in. The function may link the guest to a user who is there instead.
func (a *attempt) beforeExternalSignUp(v *guest, attrs map[string]string) error {
	u := &userpool.User{Username: usernameOf(a.Pool, v), Attributes: attrs, Status: api.UserStatusTypeExternalProvider}
	return a.beforeSignUp(signingUp{source: sourceExternal, client: a.app.ID}, u)
}

// entered calls the triggers of a guest who has come in: post confirmation for whom a profile was just made, as on AWS,
// and pre authentication for others. The user is read again after either.
func (a *attempt) entered(v *arrival, found bool) error {
	t, call := trigger.PreAuthentication, func() error {
		return a.beforeAuthentication(&candidate{user: v.user, name: v.user.Username, who: v.user.Sub})
	}
	if !found && v.user.Status == api.UserStatusTypeExternalProvider {
		t, call = trigger.PostConfirmation, func() error { return a.confirmed(sourceConfirmSignUp, a.app.ID, v.user, nil) }
	}
	if trigger.FunctionOf(a.Pool, t) == "" {
		return nil
	}
	if err := call(); err != nil {
		return err
	}
	return a.again(v)
}
