package app

import (
	"context"
	"crypto"
	"time"

	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/outside"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/bulkhead"
	"github.com/bulkhead/bulkhead/service/cloudtrail"
	"github.com/bulkhead/bulkhead/service/cognitoidentity"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/dynamodb"
	"github.com/bulkhead/bulkhead/service/iam"
	"github.com/bulkhead/bulkhead/service/kms"
	"github.com/bulkhead/bulkhead/service/organizations"
	"github.com/bulkhead/bulkhead/service/sts"
)

// services makes every service the server has.
func (a *App) services(ctx context.Context) ([]pipeline.Service, error) {
	reach := outside.New(outside.Options{AllowPrivate: a.config.AllowPrivateIssuers, AllowHTTP: a.config.AllowPrivateIssuers})
	tokens := webtoken.New(webtoken.Options{AllowPrivate: a.config.AllowPrivateIssuers, AllowHTTP: a.config.AllowPrivateIssuers, Own: a.ownKeys})
	orgs := organizations.New(organizations.Config{DB: a.db, Catalog: a.catalog, Keyring: a.keys})
	if err := orgs.Resume(ctx); err != nil {
		return nil, err
	}
	users := iam.New(iam.Config{DB: a.db, Catalog: a.catalog, Keyring: a.keys})
	keys := kms.New(a.db, a.keys, a.catalog)
	a.sweeping("keys", keys.Sweep)
	engine, err := a.tables(ctx)
	if err != nil {
		return nil, err
	}
	files, err := a.objects(ctx)
	if err != nil {
		return nil, err
	}
	tables := dynamodb.New(dynamodb.Config{
		DB: a.db, Tenants: a.ids, Log: a.log, Keyring: a.keys, Keys: keys, Engine: engine, Adopter: a.config.Account, Objects: files, Alone: !isPostgres(a.config.Store),
		EnforceThroughput: a.config.EnforceThroughput,
	})
	a.background(tables.Run)
	mail := messages.NewMailbox(a.db, a.keys)
	deliver, err := a.deliverer(mail)
	if err != nil {
		return nil, err
	}
	invoker, err := a.functions(ctx)
	if err != nil {
		return nil, err
	}
	var own *bulkhead.Service
	routes := func(ctx context.Context, account, region, sealed string, now time.Time) (cognitoidp.TenantRoute, error) {
		return own.SignInRoute(ctx, account, region, sealed, now)
	}
	pools, err := cognitoidp.New(cognitoidp.Config{
		DB: a.db, Keys: a.keys, IssuerURL: a.config.IssuerURL, Deliver: deliver, Functions: invoker, Log: a.log,
		LoginSuffix: a.config.LoginSuffix, LoginDomains: a.config.LoginDomains, Outside: reach, OutsideTokens: tokens, Routes: routes,
	})
	if err != nil {
		return nil, err
	}
	a.onClose(pools.Drain)
	identities, err := cognitoidentity.New(cognitoidentity.Config{
		DB: a.db, Keyring: a.keys, Tokens: tokens, Catalog: a.catalog, UserPool: a.userPool, Active: pools.Active,
	})
	if err != nil {
		return nil, err
	}
	a.background(func(ctx context.Context) {
		pools.RunImports(ctx, func(err error) { a.log.Error("importing users failed; it is tried again", "error", err) })
	})
	a.pools, a.identities = pools, identities
	own = bulkhead.New(bulkhead.Config{
		DB: a.db, Keys: a.keys, Tenants: a.ids, Audit: a.audit.Reader, Account: a.config.Account, Mail: mail, Pools: pools, Identities: identities,
		Checkpoint: a.checkpoint,
	})
	return []pipeline.Service{
		sts.New(a.catalog, a.sealer, tokens, authz.NewMessages(a.keys)).Operations(),
		users.Operations(),
		orgs.Operations(),
		keys.Operations(),
		tables.Operations(),
		(&dynamodb.Streams{Service: tables}).Operations(),
		pools.Operations(),
		pools.LoginOperations(),
		identities.Operations(),
		cloudtrail.New(a.audit).Operations(),
		own.Operations(),
	}, nil
}

// ownKeys finds the keys of issuers in this server.
func (a *App) ownKeys(ctx context.Context, issuer, kid string) (crypto.PublicKey, string, bool) {
	if key, alg, own := a.identities.Keys(ctx, issuer, kid); own {
		return key, alg, true
	}
	return a.pools.Keys(ctx, issuer, kid)
}

// userPool finds the user pool that a provider name or an issuer stands for.
func (a *App) userPool(ctx context.Context, name string) (cognitoidentity.UserPool, bool, error) {
	p, ok, err := a.pools.PoolOf(ctx, name)
	if err != nil || !ok {
		return cognitoidentity.UserPool{}, false, err
	}
	return cognitoidentity.UserPool{Name: tokens.ProviderName(p.Region, p.ID), Issuer: p.Issuer}, true, nil
}
