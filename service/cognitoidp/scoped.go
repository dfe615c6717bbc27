package cognitoidp

import (
	"context"

	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/messages"
	"github.com/bulkhead/bulkhead/service/cognitoidp/poolsettings"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// scoped is a request within one pool, with the service at hand.
type scoped struct {
	*Service
	*userpool.Request
}

// in opens a pool for a request whose grant was made for it.
func (s *Service) in(ctx context.Context, call *pipeline.Call, id *string) (*scoped, error) {
	c, err := s.Open(ctx, call, id)
	if err != nil {
		return nil, err
	}
	return &scoped{s, c}, nil
}

// clientOf returns an app client of any pool, with its pool opened.
func (s *Service) clientOf(ctx context.Context, call *pipeline.Call, id *string) (*scoped, *userpool.Client, error) {
	c, app, err := s.OpenByClient(ctx, call, id)
	if err != nil {
		return nil, nil, err
	}
	return &scoped{s, c}, app, nil
}

// tokens is the request as far as it has to do with tokens.
func (c *scoped) tokens() *tokens.Request { return c.On(c.Request) }

// messages is the request as far as it sends messages and takes codes.
func (c *scoped) messages() *messages.Request { return c.For(c.Request) }

// settings is the request as far as it has to do with how the pool is set up.
func (c *scoped) settings() *poolsettings.Request { return c.About(c.Request) }

// bearer is a request of a user by access token.
type bearer struct {
	*scoped
	*tokens.Held
}

// bearerOf opens the pool of an access token, by which its user manages itself, and its app client.
func (s *Service) bearerOf(ctx context.Context, call *pipeline.Call, token *string) (*bearer, error) {
	h, err := s.Hold(ctx, call, token)
	if err != nil {
		return nil, err
	}
	return &bearer{&scoped{s, h.Request.Request}, h}, nil
}
