package sts

import (
	"context"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // a name that AWS defines by it, no protection
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/sts"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/federation/saml"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// The attributes of an assertion that STS reads ("Configure SAML assertions for the authentication response", IAM User
// Guide). SessionDuration is not among them: it is about sessions of AWS's console.
const (
	samlAttribute       = "https://aws.amazon.com/SAML/Attributes/"
	samlRole            = samlAttribute + "Role"
	samlSessionName     = samlAttribute + "RoleSessionName"
	samlSourceIdentity  = samlAttribute + "SourceIdentity"
	samlTransitive      = samlAttribute + "TransitiveTagKeys"
	samlTag             = samlAttribute + "PrincipalTag:"
	samlNameFormat      = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
	notAuthorizedBySAML = "Not authorized to perform sts:AssumeRoleWithSAML"
)

// redeemWithin is how soon after it was issued an assertion must come. Until then it may come again, for another role, as on
// AWS: users with several roles assume each by the same response.
const redeemWithin = 5 * time.Minute

// samlIdentity is a verified response and whom it was verified for.
type samlIdentity struct {
	role     *identity.RoleFacts // nil if there is none
	provider *identity.SAMLFacts
	said     *saml.Assertion
	session  string
	tags     authn.Tags
	source   string
}

// AssumeRoleWithSAML makes a session of a role for the bearer of a SAML response.
func (s *Service) AssumeRoleWithSAML(ctx context.Context, c *pipeline.Call, in *api.AssumeRoleWithSAMLInput) (
	*api.AssumeRoleWithSAMLOutput, error,
) {
	id, err := s.verifySAML(ctx, c.Region, c.Now, in)
	if err != nil {
		return nil, err
	}
	role, err := s.role(ctx, c, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	p := newSession(role, id.session, id.tags)
	p.SourceIdentity, p.FederatedProvider = id.source, id.provider.ARN
	p.FederatedContext = id.lasting()
	if err := s.limit(ctx, p, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	ttl, err := roleDuration(role, false, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	if ends := id.said.SessionUntil; !ends.IsZero() {
		ttl = min(ttl, ends.Sub(c.Now))
	}
	if ttl <= 0 {
		return nil, expiredSAML()
	}
	creds, packed, err := s.mint(c, p, ttl)
	if err != nil {
		return nil, err
	}
	kind, qualifier := id.subjectType(), id.nameQualifier()
	out := &api.AssumeRoleWithSAMLOutput{
		Credentials: creds, AssumedRoleUser: assumed(p), PackedPolicySize: packed, Audience: &id.said.Recipient,
		Issuer: &id.said.Issuer, Subject: &id.said.NameID, SubjectType: &kind, NameQualifier: &qualifier,
	}
	if id.source != "" {
		out.SourceIdentity = &id.source
	}
	return out, nil
}

func expiredSAML() error {
	return api.NewExpiredTokenException("Token must be redeemed within %d minutes of issuance", int(redeemWithin.Minutes()))
}

// verifySAML checks the response by the keys of the provider, which must be of the role's account, and that the provider
// gives the role to the user.
func (s *Service) verifySAML(ctx context.Context, region string, now time.Time, in *api.AssumeRoleWithSAMLInput) (*samlIdentity, error) {
	role, err := s.catalog.Role(ctx, *in.RoleArn)
	if err != nil {
		return nil, err
	}
	provider, err := s.catalog.SAMLProvider(ctx, *in.PrincipalArn)
	switch {
	case err != nil:
		return nil, err
	case provider == nil || role != nil && role.Account != provider.Account:
		return nil, api.NewInvalidIdentityTokenException("Specified provider doesn't exist")
	}
	id := &samlIdentity{role: role, provider: provider}
	if id.said, err = VerifySAML(provider, region, *in.SAMLAssertion, now); err != nil {
		return nil, err
	}
	if !id.grants(*in.RoleArn, *in.PrincipalArn) {
		return nil, fault.New(fault.AccessDenied, notAuthorizedBySAML)
	}
	return id, id.read()
}

// VerifySAML checks a SAML response, in base64, of an IAM SAML provider at a time. The response must be for AWS, as
// providers name it: that is who IAM SAML providers are registered with, and servers with their own names for themselves
// would need every provider set up anew. The faults are STS's modeled ones.
func VerifySAML(provider *identity.SAMLFacts, region, response string, now time.Time) (*saml.Assertion, error) {
	b, err := saml.Decode(response)
	if err != nil {
		return nil, api.NewInvalidIdentityTokenException("Invalid base64 SAMLResponse").With(err)
	}
	m := provider.Metadata
	if !m.ValidUntil.IsZero() && !now.Before(m.ValidUntil) {
		return nil, api.NewInvalidIdentityTokenException("The metadata of the SAML provider have expired.")
	}
	places := signIn(region, provider.UUID)
	want := saml.Expect{
		IDP: m, Audiences: append([]string{"urn:amazon:webservices"}, places...), Recipients: places, AnyRequest: true, Now: now,
		Skew: samlSkew, MustEncrypt: provider.MustEncrypt,
	}
	var said *saml.Assertion
	for _, key := range append(slices.Clone(provider.Keys), (*rsa.PrivateKey)(nil)) {
		want.Key = key
		if said, err = saml.Parse(b, &want); err == nil {
			break
		}
	}
	if err != nil {
		return nil, samlFault(err)
	}
	if !now.Before(said.Issued.Add(redeemWithin)) {
		return nil, expiredSAML()
	}
	return said, nil
}

// samlSkew is how far the provider's clock may be off.
const samlSkew = 30 * time.Second

// signIn are the places that AWS has providers send responses to ("AWS Sign-In endpoints and quotas", AWS General
// Reference).
func signIn(region, uuid string) []string {
	var all []string
	for _, host := range []string{"signin.aws.amazon.com", region + ".signin.aws.amazon.com"} {
		all = append(all, "https://"+host+"/saml", "https://"+host+"/saml/acs/"+uuid)
	}
	return all
}

// samlFault says in AWS's words why a response was not believed ("Troubleshoot SAML federation with IAM").
func samlFault(err error) error {
	switch {
	case errors.Is(err, saml.ErrSignature):
		return api.NewInvalidIdentityTokenException("Response signature invalid").With(err)
	case errors.Is(err, saml.ErrExpired):
		return api.NewExpiredTokenException("Token must be redeemed within %d minutes of issuance", int(redeemWithin.Minutes())).With(err)
	case errors.Is(err, saml.ErrAudience):
		return api.NewInvalidIdentityTokenException("Response does not contain the required audience.").With(err)
	case errors.Is(err, saml.ErrIssuer):
		return api.NewInvalidIdentityTokenException("Issuer not present in specified provider").With(err)
	}
	return api.NewInvalidIdentityTokenException("Invalid SAML response").With(err)
}

// grants reports whether the provider pairs the role with itself, in either order.
func (id *samlIdentity) grants(roleARN, providerARN string) bool {
	return slices.ContainsFunc(id.said.Values(samlRole), func(pair string) bool {
		a, b, ok := strings.Cut(pair, ",")
		a, b = strings.TrimSpace(a), strings.TrimSpace(b)
		return ok && (a == roleARN && b == providerARN || a == providerARN && b == roleARN)
	})
}

var samlName = regexp.MustCompile(`^[a-zA-Z_0-9+=,.@-]{2,64}$`)

// read takes over the session's name, tags and source identity.
func (id *samlIdentity) read() error {
	switch names := id.said.Values(samlSessionName); {
	case len(names) != 1 || names[0] == "":
		return api.NewInvalidIdentityTokenException("RoleSessionName is required in AuthnResponse")
	case !samlName.MatchString(names[0]):
		return api.NewInvalidIdentityTokenException("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
	default:
		id.session = names[0]
	}
	if source := id.said.Values(samlSourceIdentity); len(source) > 0 {
		if len(source) > 1 || !samlName.MatchString(source[0]) || strings.HasPrefix(source[0], "aws:") {
			return api.NewInvalidIdentityTokenException(`Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"`)
		}
		id.source = source[0]
	}
	return id.readTags()
}

func (id *samlIdentity) readTags() error {
	for _, at := range id.said.Attributes {
		key, ok := strings.CutPrefix(at.Name, samlTag)
		if !ok {
			continue
		}
		if len(at.Values) != 1 {
			return api.NewInvalidIdentityTokenException("Session tag values must be single-valued: %.128s", key)
		}
		id.tags = append(id.tags, authn.Tag{Key: key, Value: at.Values[0]})
	}
	if err := authn.ValidateTags(id.tags); err != nil {
		return api.NewInvalidIdentityTokenException("%s", fault.From(err).Message)
	}
	for _, key := range id.said.Values(samlTransitive) {
		if !markTransitive(id.tags, key) {
			return api.NewInvalidIdentityTokenException("Transitive tag key %.128s is not among the session tags", key)
		}
	}
	return nil
}

// subjectType is the format of the subject's name, without SAML's own prefix.
func (id *samlIdentity) subjectType() string {
	return strings.TrimPrefix(id.said.NameFormat, samlNameFormat)
}

// nameQualifier tells apart the users of providers who have the same name ("AssumeRoleWithSAML", AWS STS API Reference).
func (id *samlIdentity) nameQualifier() string {
	sum := sha1.Sum([]byte(id.said.Issuer + id.provider.Account + "/" + id.provider.Name)) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// lasting are the condition keys that stay with the session ("Available keys for SAML-based AWS STS federation", IAM User
// Guide).
func (id *samlIdentity) lasting() map[string][]string {
	return map[string][]string{
		"saml:namequalifier": {id.nameQualifier()}, "saml:sub": {id.said.NameID}, "saml:sub_type": {id.subjectType()},
	}
}

// keys are all condition keys of the request.
func (id *samlIdentity) keys() map[string][]string {
	k := id.lasting()
	k["saml:aud"] = []string{id.said.Recipient}
	k["saml:iss"] = []string{id.said.Issuer}
	k["saml:doc"] = []string{id.provider.Account + "/" + id.provider.Name}
	for name, attributes := range samlKeys {
		for _, at := range attributes {
			if values := id.said.Values(at); len(values) > 0 {
				k["saml:"+name] = values
				break
			}
		}
	}
	return k
}

// samlKeys are the condition keys that are made of well-known attributes ("Mapping SAML attributes to AWS trust policy
// context keys", IAM User Guide).
var samlKeys = map[string][]string{
	"edupersonaffiliation":         {"urn:oid:1.3.6.1.4.1.5923.1.1.1.1"},
	"edupersonnickname":            {"urn:oid:1.3.6.1.4.1.5923.1.1.1.2"},
	"edupersonorgdn":               {"urn:oid:1.3.6.1.4.1.5923.1.1.1.3"},
	"edupersonorgunitdn":           {"urn:oid:1.3.6.1.4.1.5923.1.1.1.4"},
	"edupersonprimaryaffiliation":  {"urn:oid:1.3.6.1.4.1.5923.1.1.1.5"},
	"edupersonprincipalname":       {"urn:oid:1.3.6.1.4.1.5923.1.1.1.6"},
	"edupersonentitlement":         {"urn:oid:1.3.6.1.4.1.5923.1.1.1.7"},
	"edupersonprimaryorgunitdn":    {"urn:oid:1.3.6.1.4.1.5923.1.1.1.8"},
	"edupersonscopedaffiliation":   {"urn:oid:1.3.6.1.4.1.5923.1.1.1.9"},
	"edupersontargetedid":          {"urn:oid:1.3.6.1.4.1.5923.1.1.1.10"},
	"edupersonassurance":           {"urn:oid:1.3.6.1.4.1.5923.1.1.1.11"},
	"eduorghomepageuri":            {"urn:oid:1.3.6.1.4.1.5923.1.2.1.2"},
	"eduorgidentityauthnpolicyuri": {"urn:oid:1.3.6.1.4.1.5923.1.2.1.3"},
	"eduorglegalname":              {"urn:oid:1.3.6.1.4.1.5923.1.2.1.4"},
	"eduorgsuperioruri":            {"urn:oid:1.3.6.1.4.1.5923.1.2.1.5"},
	"eduorgwhitepagesuri":          {"urn:oid:1.3.6.1.4.1.5923.1.2.1.6"},
	"cn":                           {"urn:oid:2.5.4.3"},
	"name":                         {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"},
	"commonname":                   {"http://schemas.xmlsoap.org/claims/CommonName"},
	"givenname":                    {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname"},
	"surname":                      {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "urn:oid:2.5.4.4"},
	"mail":                         {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "urn:oid:0.9.2342.19200300.100.1.3"},
	"uid":                          {"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/uid", "urn:oid:0.9.2342.19200300.100.1.1"},
	"primarygroupsid":              {"http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid"},
	"x500uniqueidentifier":         {"urn:oid:2.5.4.45"},
	"organizationstatus":           {"urn:oid:0.9.2342.19200300.100.1.45"},
	"uniqueidentifier":             {"urn:oid:0.9.2342.19200300.100.1.44"},
}
