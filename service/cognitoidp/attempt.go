package cognitoidp

import (
	"context"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Names of parameters and responses.
const (
	paramUsername   = "USERNAME"
	paramPassword   = "PASSWORD"
	paramSecretHash = "SECRET_HASH"
	paramSRPA       = "SRP_A"
	paramRefresh    = "REFRESH_TOKEN"
	paramDevice     = "DEVICE_KEY"
)

// channel is where a sign-in comes from. The zero value may do nothing.
type channel uint8

const (
	_ channel = iota
	// channelAPI is InitiateAuth and RespondToAuthChallenge: anybody who knows an app client.
	channelAPI
	// channelAdmin is their Admin variants: a caller with permission on the pool.
	channelAdmin
	// channelLogin is the pool's own sign-in pages. They act for the pool, so neither ExplicitAuthFlows nor SECRET_HASH is
	// asked for; their sessions are none at the API, nor the API's with them.
	channelLogin
)

// attempt is one step of a sign-in. A step starts with begin (a flow) or answer (a challenge) and ends in an outcome.
//
// Sign-in pages make an attempt of channelLogin by themselves and find the user who got in under outcome.arrival.
type attempt struct {
	*scoped
	app     *userpool.Client
	channel channel
	params  map[string]string
	around  surroundings
}

// surroundings are what a request tells beside its parameters: for triggers and for the log of sign-ins. Nothing in them
// was checked.
type surroundings struct {
	// meta is the ClientMetadata of answers to challenges and of tokens by refresh; validation that of the operations that
	// begin a sign-in. AWS shows the former to all triggers of the step, the latter to those of the beginning alone, as
	// validationData.
	meta       map[string]string
	validation map[string]string
	ip         string // as the client's context data says, which may be empty
	encoded    string // the fingerprint of the user's device
	headers    []api.HttpHeader
	server     string
	path       string
	analytics  *api.AnalyticsMetadataType
}

func ofUser(meta map[string]string, c *api.UserContextDataType, analytics *api.AnalyticsMetadataType) surroundings {
	s := surroundings{meta: meta, analytics: analytics}
	if c != nil {
		s.ip, s.encoded = opt.Value(c.IpAddress), opt.Value(c.EncodedData)
	}
	return s
}

func ofServer(meta map[string]string, c *api.ContextDataType, analytics *api.AnalyticsMetadataType) surroundings {
	s := surroundings{meta: meta, analytics: analytics}
	if c != nil {
		s.ip, s.encoded, s.headers = opt.Value(c.IpAddress), opt.Value(c.EncodedData), c.HttpHeaders
		s.server, s.path = opt.Value(c.ServerName), opt.Value(c.ServerPath)
	}
	return s
}

// outcome is what a step leads to: the next challenge, or the arrival of a user. At the API an arrival comes with tokens.
type outcome struct {
	tokens    *api.AuthenticationResultType
	challenge api.ChallengeNameType
	params    map[string]string
	session   *string
	available []api.ChallengeNameType
	// arrival is who got in, and SignIn what an authorization code is made for; both with channelLogin only.
	arrival *arrival
	signIn  tokens.SignIn
}

// InitiateAuth implements api.Service.
func (s *Service) InitiateAuth(ctx context.Context, call *pipeline.Call, in *api.InitiateAuthInput) (*api.InitiateAuthOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	a := &attempt{c, app, channelAPI, in.AuthParameters, ofUser(nil, in.UserContextData, in.AnalyticsMetadata)}
	a.around.validation = in.ClientMetadata
	o, err := a.begin(in.AuthFlow, in.Session)
	if err != nil {
		return nil, err
	}
	return &api.InitiateAuthOutput{
		AuthenticationResult: o.tokens, ChallengeName: o.challenge, ChallengeParameters: o.params, Session: o.session,
		AvailableChallenges: o.available,
	}, nil
}

// AdminInitiateAuth implements api.Service.
func (s *Service) AdminInitiateAuth(ctx context.Context, call *pipeline.Call, in *api.AdminInitiateAuthInput) (*api.AdminInitiateAuthOutput, error) {
	c, app, err := s.adminClient(ctx, call, in.UserPoolId, in.ClientId)
	if err != nil {
		return nil, err
	}
	a := &attempt{c, app, channelAdmin, in.AuthParameters, ofServer(nil, in.ContextData, in.AnalyticsMetadata)}
	a.around.validation = in.ClientMetadata
	o, err := a.begin(in.AuthFlow, in.Session)
	if err != nil {
		return nil, err
	}
	return &api.AdminInitiateAuthOutput{
		AuthenticationResult: o.tokens, ChallengeName: o.challenge, ChallengeParameters: o.params, Session: o.session,
		AvailableChallenges: o.available,
	}, nil
}

// adminClient opens an app client of a pool for an Admin operation.
func (s *Service) adminClient(ctx context.Context, call *pipeline.Call, pool, id *string) (*scoped, *userpool.Client, error) {
	c, err := s.in(ctx, call, pool)
	if err != nil {
		return nil, nil, err
	}
	app, err := c.Client(opt.Value(id))
	return c, app, err
}

// RespondToAuthChallenge implements api.Service.
func (s *Service) RespondToAuthChallenge(ctx context.Context, call *pipeline.Call, in *api.RespondToAuthChallengeInput) (*api.RespondToAuthChallengeOutput, error) {
	c, app, err := s.clientOf(ctx, call, in.ClientId)
	if err != nil {
		return nil, err
	}
	a := &attempt{c, app, channelAPI, in.ChallengeResponses, ofUser(in.ClientMetadata, in.UserContextData, in.AnalyticsMetadata)}
	o, err := a.answer(in.ChallengeName, in.Session)
	if err != nil {
		return nil, err
	}
	return &api.RespondToAuthChallengeOutput{
		AuthenticationResult: o.tokens, ChallengeName: o.challenge, ChallengeParameters: o.params, Session: o.session,
	}, nil
}

// AdminRespondToAuthChallenge implements api.Service.
func (s *Service) AdminRespondToAuthChallenge(ctx context.Context, call *pipeline.Call, in *api.AdminRespondToAuthChallengeInput) (*api.AdminRespondToAuthChallengeOutput, error) {
	c, app, err := s.adminClient(ctx, call, in.UserPoolId, in.ClientId)
	if err != nil {
		return nil, err
	}
	a := &attempt{c, app, channelAdmin, in.ChallengeResponses, ofServer(in.ClientMetadata, in.ContextData, in.AnalyticsMetadata)}
	o, err := a.answer(in.ChallengeName, in.Session)
	if err != nil {
		return nil, err
	}
	return &api.AdminRespondToAuthChallengeOutput{
		AuthenticationResult: o.tokens, ChallengeName: o.challenge, ChallengeParameters: o.params, Session: o.session,
	}, nil
}

// param returns a parameter that has to be there.
func (a *attempt) param(name string) (string, error) {
	if v := a.params[name]; v != "" {
		return v, nil
	}
	return "", refusal.Missing(name)
}

// maxNameLength and maxParameter are the bounds of UsernameType and of what else is put into hashes.
const (
	maxNameLength = 2048
	maxParameter  = 8192
)

// name reads USERNAME and checks the secret hash for it.
func (a *attempt) name() (string, error) {
	for _, v := range a.params {
		if len(v) > maxParameter {
			return "", refusal.Invalid("A parameter is too long.")
		}
	}
	name, err := a.param(paramUsername)
	if err != nil {
		return "", err
	}
	if len(name) > maxNameLength {
		return "", refusal.Invalid("The username is too long.")
	}
	if a.channel == channelLogin {
		return name, nil
	}
	return name, a.CheckSecretHash(a.app, a.params[paramSecretHash], name)
}
