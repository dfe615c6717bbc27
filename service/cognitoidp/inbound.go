package cognitoidp

// sourceInbound is the inbound federation trigger's only source.
const sourceInbound = "InboundFederation_ExternalProvider"

// inboundAttributes are what an identity provider said of a user, before the attribute mapping.
type inboundAttributes struct {
	TokenResponse map[string]any `json:"tokenResponse,omitempty"` // OIDC and social providers
	IDToken       map[string]any `json:"idToken,omitempty"`
	UserInfo      map[string]any `json:"userInfo,omitempty"`
	SAMLResponse  map[string]any `json:"samlResponse,omitempty"`
}

type inboundRequest struct {
	ProviderName string            `json:"providerName"`
	ProviderType string            `json:"providerType"`
	Attributes   inboundAttributes `json:"attributes"`
}

// inboundFederation lets the inbound federation trigger change what an identity provider said ("Inbound federation Lambda
// trigger"). It returns the attributes to be mapped, under the provider's names: only those that the function returned,
// or nil if it returned none, for all as they are. name is the user's username, "" for one who is not there yet. What is
// returned is mapped and checked as the provider's own word is, and trusted no more: a pool's tenant attribute is not to
// come from it either.
func (c *scoped) inboundFederation(client, name, provider, kind string, said inboundAttributes) (map[string]string, error) {
	if c.pool.function(triggerInbound) == "" {
		return nil, nil
	}
	var out struct {
		Map map[string]string `json:"userAttributesToMap"`
	}
	err := c.invoke(occasion{trigger: triggerInbound, source: sourceInbound, client: client, name: name}, inboundRequest{provider, kind, said}, &out)
	if err != nil || len(out.Map) == 0 {
		return nil, err
	}
	return out.Map, nil
}
