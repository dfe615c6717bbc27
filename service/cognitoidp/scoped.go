package cognitoidp

import (
	"context"

	"github.com/bulkhead/bulkhead/internal/pipeline"
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
