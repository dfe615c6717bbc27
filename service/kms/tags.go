package kms

import (
	"context"
	"slices"
	"strings"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// checkTags refuses tags that no key may have ("Tags in AWS KMS", AWS KMS Developer Guide). Unlike AWS it refuses keys that
// differ only in case: condition keys do not tell them apart, so that one would hide the other from policies.
func checkTags(tags []api.Tag) error {
	if len(tags) > authn.MaxTags {
		return tooManyTags()
	}
	for i, t := range tags {
		switch {
		case len(*t.TagKey) >= 4 && strings.EqualFold((*t.TagKey)[:4], "aws:"):
			return api.NewTagException("Tags beginning with aws: are reserved")
		case !authn.TagText(*t.TagKey) || !authn.TagText(*t.TagValue):
			return api.NewTagException("Tags may only contain unicode letters, digits, white space, or one of these symbols: _ . : / = + - @")
		case slices.ContainsFunc(tags[:i], func(o api.Tag) bool { return strings.EqualFold(*o.TagKey, *t.TagKey) }):
			return duplicateTags()
		}
	}
	return nil
}

func duplicateTags() error { return api.NewTagException("Duplicate tag keys") }

func tooManyTags() error { return api.NewTagException("Too many tags") }

// addTags returns the tags with those of the request added or replaced, sorted by key.
func addTags(have []tag, tags []api.Tag) ([]tag, error) {
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	all := slices.Clone(have)
	for _, t := range tags {
		i, found := slices.BinarySearchFunc(all, *t.TagKey, tag.compare)
		if found {
			all[i].Value = *t.TagValue
			continue
		}
		if slices.ContainsFunc(all, func(o tag) bool { return strings.EqualFold(o.Key, *t.TagKey) }) {
			return nil, duplicateTags()
		}
		all = slices.Insert(all, i, tag{*t.TagKey, *t.TagValue})
	}
	if len(all) > authn.MaxTags {
		return nil, tooManyTags()
	}
	return all, nil
}

func (t tag) compare(key string) int { return strings.Compare(t.Key, key) }

// TagResource adds tags to a key or replaces their values.
func (s *Service) TagResource(ctx context.Context, c *pipeline.Call, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	err := s.change(ctx, c, *in.KeyId, func(v *view, k *keyRecord) (err error) {
		if err := k.kept(v.arn(k.ID)); err != nil {
			return err
		}
		k.Tags, err = addTags(k.Tags, in.Tags)
		return err
	})
	return &api.TagResourceOutput{}, err
}

// UntagResource removes tags from a key.
func (s *Service) UntagResource(ctx context.Context, c *pipeline.Call, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	err := s.change(ctx, c, *in.KeyId, func(v *view, k *keyRecord) error {
		if err := k.kept(v.arn(k.ID)); err != nil {
			return err
		}
		k.Tags = slices.DeleteFunc(k.Tags, func(t tag) bool { return slices.Contains(in.TagKeys, t.Key) })
		return nil
	})
	return &api.UntagResourceOutput{}, err
}

// ListResourceTags lists the tags of a key.
func (s *Service) ListResourceTags(ctx context.Context, c *pipeline.Call, in *api.ListResourceTagsInput) (*api.ListResourceTagsOutput, error) {
	f, err := s.managed(ctx, c, *in.KeyId)
	if err != nil {
		return nil, err
	}
	p, err := s.list(c, "ListResourceTags", f.arn, in.Marker, in.Limit, 50, 50)
	if err != nil {
		return nil, err
	}
	var tags []api.Tag
	for _, t := range f.record.Tags {
		if t.Key <= p.After() && p.After() != "" {
			continue
		}
		if !p.Take(t.Key) {
			break
		}
		tags = append(tags, api.Tag{TagKey: new(t.Key), TagValue: new(t.Value)})
	}
	truncated, next, err := p.end()
	return &api.ListResourceTagsOutput{Tags: tags, Truncated: truncated, NextMarker: next}, err
}
