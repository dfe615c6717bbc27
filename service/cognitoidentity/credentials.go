package cognitoidentity

import (
	"context"
	"slices"
	"strings"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidentity"
	stsapi "github.com/bulkhead/bulkhead/api/sts"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

const (
	// tokenLife is that of tokens for the basic flow (GetOpenIdToken, API Reference).
	tokenLife = 10 * time.Minute
	// sessionSeconds and sessionName are those of the enhanced flow's sessions.
	sessionSeconds int32 = 3600
	sessionName          = "CognitoIdentityCredentials"
)

// guestPolicy limits the sessions of guests in the enhanced flow to the services that AWS lets them use ("IAM roles",
// access policies for unauthenticated identities, Amazon Cognito Developer Guide, with the managed policy
// AmazonCognitoUnAuthedIdentitiesSessionPolicy).
var guestPolicy = func() string {
	services := []string{
		"appsync", "cloudwatch", "cognito-identity", "cognito-idp", "cognito-sync", "comprehend", "dynamodb", "execute-api",
		"firehose", "gamelift", "iot", "kinesis", "lambda", "lex", "logs", "machinelearning", "mobileanalytics",
		"mobiletargeting", "personalize", "polly", "rekognition", "s3", "sdb", "ses", "sns", "sqs", "transcribe", "translate",
	}
	actions := []string{
		"geo:GetMap*", "geo:SearchPlaceIndex*", "geo:GetPlace", "geo:CalculateRoute*", "geo:*Geofence", "geo:*Geofences",
		"geo:*DevicePosition*", "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "rum:PutRumEvents",
		"sagemaker:InvokeEndpoint", "sumerian:View*", "textract:DetectDocumentText", "textract:AnalyzeDocument",
	}
	for _, s := range services {
		actions = append(actions, s+":*")
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) +
		`"],"Resource":"*"}]}`
}()

// bearer is a request for an identity by those who may act as it: with its logins, or with a token that the developer
// got for it, or with neither as a guest.
type bearer struct {
	*scoped
	who       *identityRecord
	logins    []*verified
	developer *webtoken.Claims
}

// guest reports whether nobody signed in.
func (b *bearer) guest() bool { return len(b.logins) == 0 && b.developer == nil }

// bearer checks that the logins are those of the identity, or that it is a guest's and guests are let in.
func (s *Service) bearer(ctx context.Context, call *pipeline.Call, id *string, tokens map[string]string) (*bearer, error) {
	c, who, err := s.of(ctx, call, id)
	if err != nil {
		return nil, err
	}
	call.Note("identityPoolId", c.pool.ID)
	call.Note("identityId", who.ID)
	b := &bearer{scoped: c, who: who}
	if len(tokens) == 0 {
		switch {
		case len(who.Logins) > 0 || who.Closed:
			return nil, forbidden(who.ID)
		case !c.pool.Guests:
			return nil, noGuests()
		}
		return b, nil
	}
	if b.logins, err = s.verifyAll(ctx, c.pool, tokens, call.Now); err != nil {
		return nil, err
	}
	if err := b.match(); err != nil {
		return nil, err
	}
	for _, v := range b.logins {
		call.Note("login", v.Provider)
	}
	return b, nil
}

// match checks that a login is the identity's. Logins beside it that are nobody's yet are linked to it, and a guest's
// identity becomes that of logins that are nobody's yet: the user signs in and goes on as who they were ("Switching
// unauthenticated users to authenticated users", Amazon Cognito Developer Guide).
func (b *bearer) match() error {
	logins := loginsOf(b.logins)
	known := 0
	for _, l := range logins {
		if b.who.has(l) {
			known++
		}
	}
	guest := len(b.who.Logins) == 0 && !b.who.Closed
	switch {
	case known == len(logins):
		return nil
	case known == 0:
		if err := b.strangers(logins); !guest || err != nil {
			return orErr(err, loginsDiffer())
		}
	}
	_, err := b.linkedAs(b.who.ID, logins)
	if err == nil {
		b.call.Note("linked", "true")
	}
	return err
}

// strangers refuses logins that are linked to another identity.
func (b *bearer) strangers(logins []login) error {
	return b.view(func(rec *store.Records) error {
		id, _, err := b.linked(rec, "", logins)
		if err == nil && id != "" {
			err = forbidden(b.who.ID)
		}
		return err
	})
}

// tokenClaims are the claims of an identity pool's token.
type tokenClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	AMR      []string `json:"amr"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	// Pool is the ARN of the identity pool: STS goes by its account.
	Pool string     `json:"https://cognito-identity.amazonaws.com/identity-pool-arn"`
	Tags *tagsClaim `json:"https://aws.amazon.com/tags,omitempty"`
}

// tagsClaim carries session tags ("Pass session tags using AssumeRoleWithWebIdentity", IAM User Guide). None of them is
// transitive, as on AWS.
type tagsClaim struct {
	Principal map[string][]string `json:"principal_tags"`
}

// token makes a token of the identity with the principal tags of its logins, or those that the developer gave it.
func (b *bearer) token() (string, error) {
	if b.developer != nil {
		return b.issue(b.who.ID, b.developer.AMR, tagsOfToken(b.developer), tokenLife)
	}
	tags, err := b.pool.tagsOf(b.logins)
	if err != nil {
		return "", err
	}
	return b.issue(b.who.ID, b.amr(), tags, tokenLife)
}

// issue makes a token of an identity.
func (c *scoped) issue(id string, amr []string, tags map[string]string, life time.Duration) (string, error) {
	claims := tokenClaims{
		Issuer: Issuer, Subject: id, Audience: c.pool.ID, AMR: amr, Issued: c.call.Now.Unix(),
		Expires: c.call.Now.Add(life).Unix(), Pool: c.pool.arn(),
	}
	if len(tags) > 0 {
		claims.Tags = &tagsClaim{Principal: make(map[string][]string, len(tags))}
		for k, v := range tags {
			claims.Tags.Principal[k] = []string{v}
		}
	}
	token, err := c.sign(c.ctx, claims)
	if err == nil && len(token) > webtoken.MaxToken {
		err = api.NewNotAuthorizedException("The principal tags of this identity are too long.")
	}
	return token, err
}

// amr says how the identity was authenticated ("Role trust and permissions", Amazon Cognito Developer Guide).
func (b *bearer) amr() []string {
	if len(b.logins) == 0 {
		return []string{unauthenticated}
	}
	return amrOf(b.logins)
}

// amrOf says by which logins an identity was authenticated.
func amrOf(logins []*verified) []string {
	amr := []string{authenticated}
	for _, v := range logins {
		amr = append(amr, v.Provider)
		if v.how != "" {
			amr = append(amr, v.Provider+v.how+v.Subject)
		}
	}
	return slices.Clip(amr)
}

// GetOpenIdToken implements api.Service: a token with which the client itself assumes a role (the basic flow).
//
//nolint:revive // the model's name
func (s *Service) GetOpenIdToken(ctx context.Context, call *pipeline.Call, in *api.GetOpenIdTokenInput) (
	*api.GetOpenIdTokenOutput, error,
) {
	b, err := s.bearer(ctx, call, in.IdentityId, in.Logins)
	if err != nil {
		return nil, err
	}
	if !b.pool.Classic {
		return nil, classicFlowOff()
	}
	token, err := b.token()
	if err != nil {
		return nil, err
	}
	return &api.GetOpenIdTokenOutput{IdentityId: new(b.who.ID), Token: new(token)}, nil
}

// GetCredentialsForIdentity implements api.Service: credentials of the role that the pool gives the identity (the enhanced
// flow). STS decides by the role's trust policy, as for any web identity.
func (s *Service) GetCredentialsForIdentity(ctx context.Context, call *pipeline.Call, in *api.GetCredentialsForIdentityInput) (
	*api.GetCredentialsForIdentityOutput, error,
) {
	bearer := s.bearer
	if _, ok := in.Logins[eventSource]; ok {
		bearer = s.developerBearer
	}
	b, err := bearer(ctx, call, in.IdentityId, in.Logins)
	if err != nil {
		return nil, err
	}
	role, err := b.role(opt.Value(in.CustomRoleArn))
	if err != nil {
		return nil, err
	}
	call.Note("roleArn", role)
	token, err := b.token()
	if err != nil {
		return nil, err
	}
	assume := &stsapi.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: new(sessionName), WebIdentityToken: &token, DurationSeconds: new(sessionSeconds),
	}
	if b.guest() {
		assume.Policy = &guestPolicy
	}
	out, err := pipeline.InvokeAnonymous[stsapi.AssumeRoleWithWebIdentityOutput](ctx, call, eventSource, "sts",
		"AssumeRoleWithWebIdentity", assume)
	if err != nil {
		return nil, refusedBySTS(err)
	}
	cr := out.Credentials
	return &api.GetCredentialsForIdentityOutput{IdentityId: new(b.who.ID), Credentials: &api.Credentials{
		AccessKeyId: cr.AccessKeyId, SecretKey: cr.SecretAccessKey, SessionToken: cr.SessionToken, Expiration: cr.Expiration,
	}}, nil
}

// refusedBySTS turns a refusal into the pool's: which role it was and why is for the operator, in the audit log. Failures
// of the server stay what they are.
func refusedBySTS(err error) error {
	f := fault.From(err)
	switch f.Class {
	case fault.AccessDenied, fault.Modeled, fault.Validation:
		return badRoles().With(err)
	}
	return err
}
