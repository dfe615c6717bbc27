package poolsettings

import (
	"context"
	"maps"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// maxTags is the limit of tags on a resource ("Tag naming and usage conventions", AWS General Reference).
const maxTags = 50

// byARN opens the pool that a tagging operation names.
func (s *Administrator) byARN(ctx context.Context, call *pipeline.Call, name *string) (*Request, error) {
	id, ok := userpool.PoolOfARN(opt.Value(name))
	if !ok {
		return nil, refusal.Invalid("Invalid resource ARN: %s", opt.Value(name))
	}
	c, err := s.in(ctx, call, &id)
	if err == nil && c.Pool.ARN() != opt.Value(name) {
		err = refusal.PoolNotFound(id)
	}
	return c, err
}

// TagResource implements api.Service.
func (s *Administrator) TagResource(ctx context.Context, call *pipeline.Call, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	c, err := s.byARN(ctx, call, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	err = c.ChangePool(func(p *userpool.Pool) error {
		tags := maps.Clone(p.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		maps.Copy(tags, in.Tags)
		if len(tags) > maxTags {
			return refusal.Invalid("A resource has at most %d tags.", maxTags)
		}
		p.Tags = tags
		return userpool.CheckTags(tags, p.Schema)
	})
	if err != nil {
		return nil, err
	}
	return &api.TagResourceOutput{}, nil
}

// UntagResource implements api.Service.
func (s *Administrator) UntagResource(ctx context.Context, call *pipeline.Call, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	c, err := s.byARN(ctx, call, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	err = c.ChangePool(func(p *userpool.Pool) error {
		for _, k := range in.TagKeys {
			delete(p.Tags, k)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &api.UntagResourceOutput{}, nil
}

// ListTagsForResource implements api.Service.
func (s *Administrator) ListTagsForResource(ctx context.Context, call *pipeline.Call, in *api.ListTagsForResourceInput) (*api.ListTagsForResourceOutput, error) {
	c, err := s.byARN(ctx, call, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &api.ListTagsForResourceOutput{Tags: c.Pool.Tags}, nil
}
