package iam

import (
	"context"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/iam"
	"github.com/bulkhead/bulkhead/internal/identity"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// mergeTags adds tags to those that are there: a key that is there in any case keeps its place and takes the new case and
// value ("Tagging IAM resources", IAM User Guide).
func mergeTags(have []identity.Tag, given []api.Tag) ([]identity.Tag, error) {
	out := slices.Clone(have)
	for i, t := range given {
		key := opt.Value(t.Key)
		if len(key) >= 4 && strings.EqualFold(key[:4], "aws:") {
			return nil, api.NewInvalidInputException("Tag keys starting with 'aws:' are reserved for system use")
		}
		for _, other := range given[:i] {
			if strings.EqualFold(opt.Value(other.Key), key) {
				return nil, api.NewInvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
			}
		}
		tag := identity.Tag{Key: key, Value: opt.Value(t.Value)}
		if at := tagIndex(out, key); at >= 0 {
			out[at] = tag
		} else {
			out = append(out, tag)
		}
	}
	return out, nil
}

func tagIndex(tags []identity.Tag, key string) int {
	return slices.IndexFunc(tags, func(t identity.Tag) bool { return strings.EqualFold(t.Key, key) })
}

// addTags is TagUser and its like on the tags of a resource.
func addTags(tags *[]identity.Tag, given []api.Tag) error {
	merged, err := mergeTags(*tags, given)
	if err != nil {
		return err
	}
	if len(merged) > maxTags {
		return api.NewLimitExceededException("The number of tags has reached the maximum limit.")
	}
	*tags = merged
	return nil
}

// dropTags is UntagUser and its like. Keys that are not there are ignored.
func dropTags(tags *[]identity.Tag, keys []string) {
	*tags = slices.DeleteFunc(*tags, func(t identity.Tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, t.Key) })
	})
}

// tagPage is a page of tags.
type tagPage struct {
	tags      []api.Tag
	truncated *bool
	marker    *string
}

// listTags pages the tags that read finds.
func (s *Service) listTags(ctx context.Context, call *pipeline.Call, operation, about string, marker *string, maxItems *int32,
	read func(*identity.View) ([]identity.Tag, error),
) (page tagPage, err error) {
	l, err := s.list(call, operation, about, marker, maxItems)
	if err != nil {
		return page, err
	}
	err = s.view(ctx, call, func(v *identity.View) error {
		tags, err := read(v)
		if err != nil {
			return err
		}
		tags = slices.SortedFunc(slices.Values(tags), func(a, b identity.Tag) int { return strings.Compare(a.Key, b.Key) })
		page.tags = append([]api.Tag{}, showTags(pick(l, tags, func(t identity.Tag) string { return t.Key }))...)
		return nil
	})
	if err != nil {
		return page, err
	}
	page.truncated, page.marker, err = l.end()
	return page, err
}

func entityTags(kind identity.Kind, name string) func(*identity.View) ([]identity.Tag, error) {
	return func(v *identity.View) ([]identity.Tag, error) {
		t, err := find(v, kind, name)
		if err != nil {
			return nil, err
		}
		return t.Tags, nil
	}
}

func (s *Service) tagEntity(ctx context.Context, call *pipeline.Call, kind identity.Kind, name *string, tags []api.Tag) error {
	return s.change(ctx, call, kind, opt.Value(name), func(_ *identity.View, t target) error { return addTags(&t.Tags, tags) })
}

func (s *Service) untagEntity(ctx context.Context, call *pipeline.Call, kind identity.Kind, name *string, keys []string) error {
	return s.change(ctx, call, kind, opt.Value(name), func(_ *identity.View, t target) error {
		dropTags(&t.Tags, keys)
		return nil
	})
}

// TagUser implements api.Service.
func (s *Service) TagUser(ctx context.Context, call *pipeline.Call, in *api.TagUserInput) (*api.TagUserOutput, error) {
	if err := s.tagEntity(ctx, call, identity.KindUser, in.UserName, in.Tags); err != nil {
		return nil, err
	}
	return &api.TagUserOutput{}, nil
}

// TagRole implements api.Service.
func (s *Service) TagRole(ctx context.Context, call *pipeline.Call, in *api.TagRoleInput) (*api.TagRoleOutput, error) {
	if err := s.tagEntity(ctx, call, identity.KindRole, in.RoleName, in.Tags); err != nil {
		return nil, err
	}
	return &api.TagRoleOutput{}, nil
}

// UntagUser implements api.Service.
func (s *Service) UntagUser(ctx context.Context, call *pipeline.Call, in *api.UntagUserInput) (*api.UntagUserOutput, error) {
	if err := s.untagEntity(ctx, call, identity.KindUser, in.UserName, in.TagKeys); err != nil {
		return nil, err
	}
	return &api.UntagUserOutput{}, nil
}

// UntagRole implements api.Service.
func (s *Service) UntagRole(ctx context.Context, call *pipeline.Call, in *api.UntagRoleInput) (*api.UntagRoleOutput, error) {
	if err := s.untagEntity(ctx, call, identity.KindRole, in.RoleName, in.TagKeys); err != nil {
		return nil, err
	}
	return &api.UntagRoleOutput{}, nil
}

// ListUserTags implements api.Service.
func (s *Service) ListUserTags(ctx context.Context, call *pipeline.Call, in *api.ListUserTagsInput) (*api.ListUserTagsOutput, error) {
	name := opt.Value(in.UserName)
	p, err := s.listTags(ctx, call, "ListUserTags", strings.ToLower(name), in.Marker, in.MaxItems, entityTags(identity.KindUser, name))
	if err != nil {
		return nil, err
	}
	return &api.ListUserTagsOutput{Tags: p.tags, IsTruncated: p.truncated, Marker: p.marker}, nil
}

// ListRoleTags implements api.Service.
func (s *Service) ListRoleTags(ctx context.Context, call *pipeline.Call, in *api.ListRoleTagsInput) (*api.ListRoleTagsOutput, error) {
	name := opt.Value(in.RoleName)
	p, err := s.listTags(ctx, call, "ListRoleTags", strings.ToLower(name), in.Marker, in.MaxItems, entityTags(identity.KindRole, name))
	if err != nil {
		return nil, err
	}
	return &api.ListRoleTagsOutput{Tags: p.tags, IsTruncated: p.truncated, Marker: p.marker}, nil
}
