package app

import (
	"github.com/bulkhead/bulkhead/internal/authn/webtoken"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/sts"
)

// services makes every service the server has.
func (a *App) services() ([]pipeline.Service, error) {
	tokens := webtoken.New(webtoken.Options{AllowPrivate: a.config.AllowPrivateIssuers})
	return []pipeline.Service{
		sts.New(a.catalog, a.sealer, tokens, authz.NewMessages(a.keys)).Operations(),
	}, nil
}
