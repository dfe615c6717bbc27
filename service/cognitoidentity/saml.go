package cognitoidentity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/service/sts"
)

// samlProvider returns the SAML provider with the ARN; nil if it is gone.
func (s *Service) samlProvider(ctx context.Context, p *pool, name string) (*provider, error) {
	facts, err := s.Catalog.SAMLProvider(ctx, name)
	if err != nil || facts == nil || facts.Account != p.Account {
		return nil, err
	}
	return &provider{name: name, aliases: []string{name}, saml: facts, region: p.Region}, nil
}

// verifySAML checks a SAML response as STS does ("SAML providers as identity pool IdPs", Amazon Cognito Developer Guide).
// A client may show it again while it is valid: it needs it for GetId and for credentials.
func (prov *provider) verifySAML(response string, now time.Time) (*verified, error) {
	said, err := sts.VerifySAML(prov.saml, prov.region, response, now)
	if err != nil {
		return nil, loginFault(err)
	}
	claims := &webtoken.Claims{Issuer: said.Issuer, Subject: said.NameID, Audience: []string{said.Audience}, Raw: map[string]json.RawMessage{}}
	for i := range said.Attributes {
		name := said.Attributes[i].Name
		var value any = said.Values(name)
		if list := said.Values(name); len(list) == 1 {
			value = list[0]
		}
		if claims.Raw[name], err = json.Marshal(value); err != nil {
			return nil, fault.Wrap(err, "encode attributes")
		}
	}
	// after the attributes: the name of the subject is not one that an attribute could replace
	if claims.Raw["sub"], err = json.Marshal(said.NameID); err != nil {
		return nil, fault.Wrap(err, "encode the subject")
	}
	return &verified{login: login{Provider: prov.name, Subject: said.NameID}, claims: claims, names: prov.aliases}, nil
}
