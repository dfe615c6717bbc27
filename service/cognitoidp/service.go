// Package cognitoidp implements Amazon Cognito user pools. Here are the sign-in (engine.go tells its course), sign-up, what
// administrators and users do to users, federation, import, the OAuth 2 endpoints, and who may do what (requirements.go). What
// stands by itself is below, each package on those before it:
//
//   - refusal: what several operations answer when they refuse, in the service's words.
//   - userpool: a pool as data: its records, the rules that each keeps, and the view of them that a request gets.
//   - trigger: the functions that pools name, how they are called and what they may answer.
//   - tokens: signing keys, what tokens claim, refresh and rotation, revocation, and the published documents.
//   - messages: codes and invitations, their words, and how they get to users.
//   - poolsettings: the operations that set up pools, app clients, domains and pages.
//   - login: the sign-in pages, on top of all of this.
//
// Each has a type that lives as long as the server (userpool.Store, tokens.Issuer, messages.Courier,
// poolsettings.Administrator), which Service embeds, operations included, and a Request: a pool opened for one call.
//
// Tags of a pool say what AWS would need a trigger or care for:
//
//   - bulkhead:session-tags = "TenantID=custom:tenant_id" puts the attribute's value into ID tokens as a session tag (the
//     claim https://aws.amazon.com/tags). Several pairs are separated by spaces or commas. A user without the attribute
//     gets no such tag.
//   - bulkhead:tenant-attribute = "custom:tenant_id" leaves the attribute to the Admin operations, whatever app clients
//     may write. Custom attributes named by bulkhead:session-tags are kept from users in the same way, for whoever can
//     write such an attribute chooses the tenant it acts for.
//   - bulkhead:third-party-clients = "<client id> <client id>", or "*", are the app clients whose users are asked on a page
//     whether the client may have what it wants.
package cognitoidp

import (
	"errors"
	"log/slog"

	"golang.org/x/sync/singleflight"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/federation/oidc"
	"github.com/bulkhead/bulkhead/internal/functions"
	"github.com/bulkhead/bulkhead/internal/keyring"
	ratelimit "github.com/bulkhead/bulkhead/internal/limit"
	"github.com/bulkhead/bulkhead/internal/outside"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/trigger"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// Config is what the service needs.
type Config struct {
	// DB holds the records.
	DB *store.DB
	// Keys seals the secrets in them.
	Keys *keyring.Keyring
	// IssuerURL makes issuers "<IssuerURL>/<pool>"; empty means AWS's form, https://cognito-idp.<region>.amazonaws.com/<pool>.
	IssuerURL string
	// LoginSuffix ends the server's own domains of pools: "<prefix>.auth.<region>.<LoginSuffix>".
	LoginSuffix string
	// LoginDomains are pairs ACCOUNT=DOMAIN: pools of the account may have DOMAIN and what is below it as custom domains.
	LoginDomains []string
	// Deliver sends codes and invitations. Nil keeps them in the local mailbox (see Mailbox).
	Deliver messages.Deliverer
	// Functions invokes the triggers of pools. Nil invokes none: what needs one fails.
	Functions functions.Invoker
	// Log gets what goes wrong after an answer. Nil discards it.
	Log *slog.Logger
	// Outside reaches the identity providers that pools name, and OutsideTokens verifies their ID tokens. Nil reaches
	// public addresses by https only.
	Outside       *outside.Client
	OutsideTokens *webtoken.Verifier
	// Routes opens the routes by which sign-in pages find a tenant. Nil opens none.
	Routes Routes
}

// Service implements the operations.
type Service struct {
	*userpool.Store
	*tokens.Issuer
	*messages.Courier
	*poolsettings.Administrator
	triggers *trigger.Caller
	log      *slog.Logger

	outside       *outside.Client
	outsideTokens *webtoken.Verifier
	relying       *oidc.RelyingParty
	metadatas     metadataCache

	making  singleflight.Group
	imports *importer
	engine  *engine
	// routes opens the routes of tenants, and routed limits who signs in by them, by client address.
	routes Routes
	routed *ratelimit.Limiter
}

// New returns the service.
func New(c Config) (*Service, error) {
	if c.DB == nil || c.Keys == nil {
		return nil, errors.New("cognitoidp: a store and a keyring are needed")
	}
	if c.Functions == nil {
		c.Functions = functions.None{}
	}
	if c.Deliver == nil {
		c.Deliver = messages.NewMailbox(c.DB, c.Keys)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	pools, calls := userpool.NewStore(c.DB, c.Keys), &trigger.Caller{Functions: c.Functions}
	pools.LoginSuffix = c.LoginSuffix
	mail := messages.NewCourier(pools, calls, c.Deliver, c.IssuerURL, c.Log)
	s := &Service{
		Store: pools, Issuer: tokens.NewIssuer(pools, calls, c.IssuerURL),
		Courier: mail, Administrator: poolsettings.NewAdministrator(pools, mail, c.IssuerURL, c.LoginDomains),
		triggers: calls, log: c.Log,
		imports: newImporter(), engine: newEngine(), routes: c.Routes, routed: newRoutedLimit(),
	}
	if err := s.reach(c.Outside, c.OutsideTokens); err != nil {
		return nil, err
	}
	return s, nil
}

// Operations are the service's operations for the pipeline.
func (s *Service) Operations() pipeline.Service {
	return pipeline.Service{API: api.API, Ops: api.Operations(s, s.Requirements())}
}
