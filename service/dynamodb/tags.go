package dynamodb

import (
	"context"
	"errors"
	"strings"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authn"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/store"
)

// maxTags is the most tags a table has (DynamoDB Developer Guide, "Tagging restrictions").
const maxTags = 50

func fromTags(in []api.Tag) []authn.Tag {
	tags := make([]authn.Tag, len(in))
	for i, t := range in {
		tags[i] = authn.Tag{Key: *t.Key, Value: *t.Value}
	}
	return tags
}

// setTags checks a table's tags, the owner's among them, and puts them in place.
func (s *Service) setTags(r *record, tags []authn.Tag) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		// Condition keys compare without regard to case: two such tags would be one aws:ResourceTag key.
		key := strings.ToLower(t.Key)
		switch {
		case seen[key]:
			return invalid(wrong+"Duplicate tag key: %s", t.Key)
		case !strings.HasPrefix(key, "bulkhead:") && (!authn.TagText(t.Key) || !authn.TagText(t.Value)): // whose values are patterns
			return invalid(wrong+"Tags hold letters, spaces, numbers and _.:/=+-@ only: %s", t.Key)
		case strings.HasPrefix(key, "aws:"):
			return invalid(wrong+"Tag keys that begin with aws: are reserved: %s", t.Key)
		}
		seen[key] = true
	}
	if len(tags) > maxTags {
		return invalid(wrong+"Too many tags: a table has at most %d", maxTags)
	}
	if _, err := authz.ParseOwnerRule(tags, s.ids); err != nil {
		return invalid(wrong+"%s", err.Error())
	}
	if _, err := parseShare(tags); err != nil {
		return invalid(wrong+"%s", err.Error())
	}
	if open, ok := authn.Tags(tags).Get(exportTag); ok && (open != exportOpen || sealTagOf(tags) == "") {
		return invalid(wrong+"tag %s is %s or nothing, and needs the tag %s beside it", exportTag, exportOpen, sealTag)
	}
	r.Tags = tags
	return nil
}

// TagResource adds tags to a table, and replaces the values of those it has.
func (s *Service) TagResource(ctx context.Context, c *pipeline.Call, in *api.TagResourceInput) (*api.TagResourceOutput, error) {
	added := fromTags(in.Tags)
	if _, err := locateARN(c.Region, *in.ResourceArn); err != nil {
		return nil, err
	}
	if len(added) == 0 {
		return nil, invalid("Atleast one Tag needs to be provided as Input.")
	}
	err := s.changeTags(ctx, c, *in.ResourceArn, func(old authn.Tags) []authn.Tag {
		tags := added
		for _, t := range old {
			if _, replaced := authn.Tags(added).Get(t.Key); !replaced {
				tags = append(tags[:len(tags):len(tags)], t)
			}
		}
		return tags
	})
	if err != nil {
		return nil, err
	}
	return &api.TagResourceOutput{}, nil
}

// UntagResource removes tags of a table.
func (s *Service) UntagResource(ctx context.Context, c *pipeline.Call, in *api.UntagResourceInput) (*api.UntagResourceOutput, error) {
	if _, err := locateARN(c.Region, *in.ResourceArn); err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 {
		return nil, invalid("Atleast one Tag Key needs to be provided as Input.")
	}
	err := s.changeTags(ctx, c, *in.ResourceArn, func(old authn.Tags) []authn.Tag {
		var tags []authn.Tag
		for _, t := range old {
			removed := false
			for _, k := range in.TagKeys {
				removed = removed || strings.EqualFold(k, t.Key)
			}
			if !removed {
				tags = append(tags, t)
			}
		}
		return tags
	})
	if err != nil {
		return nil, err
	}
	return &api.UntagResourceOutput{}, nil
}

func (s *Service) changeTags(ctx context.Context, c *pipeline.Call, resource string, change func(authn.Tags) []authn.Tag) error {
	at, err := locateARN(c.Region, resource)
	if err != nil {
		return err
	}
	err = s.changeAnyTable(ctx, c, at, func(tx *store.Tx, t *table) error {
		rec := t.record
		tags := change(t.Tags)
		if err := errors.Join(keepSealed(&rec, tags), keepOutside(&rec, tags)); err != nil {
			return err
		}
		if err := s.setTags(&rec, tags); err != nil {
			return err
		}
		if _, err := s.sealing(&rec, at.account, at.region); err != nil {
			return invalid(wrong+"the rows of the table are sealed, and need the tag %s", authz.OwnerKeyTag)
		}
		if err := rec.keepTags(t.Tags, c.Now); err != nil {
			return err
		}
		if err := guardBackups(tx, at, &rec); err != nil {
			return err
		}
		return save(tx, at, &rec)
	})
	return noResource(err, at)
}

// guardBackups gives a table's owner rule to those of its backups that were made before it had one, so that no tenant's session
// restores from them what it may not read.
func guardBackups(tx *store.Tx, at place, r *record) error {
	if _, guarded := authn.Tags(r.Tags).Get(authz.OwnerKeyTag); !guarded {
		return nil
	}
	recs, err := tx.Records(at.account, at.region)
	if err != nil {
		return err
	}
	var bare []*backup
	err = store.Each(recs, store.K("backup", at.name), nil, func(_ store.Key, b *backup) bool {
		if _, guarded := authn.Tags(b.Source.Tags).Get(authz.OwnerKeyTag); !guarded && b.Source.ID == r.ID {
			bare = append(bare, b)
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, b := range bare {
		b.Source.Tags = ownerTags(r.Tags)
		if err := saveBackup(tx, at, b); err != nil {
			return err
		}
	}
	return nil
}

// ListTagsOfResource lists the tags of a table, all in one page.
func (s *Service) ListTagsOfResource(ctx context.Context, c *pipeline.Call, in *api.ListTagsOfResourceInput) (*api.ListTagsOfResourceOutput, error) {
	at, err := locateARN(c.Region, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if in.NextToken != nil {
		return nil, invalid("Invalid NextToken")
	}
	out := &api.ListTagsOfResourceOutput{}
	err = s.inAnyTable(ctx, c, at, func(_ *store.Tx, t *table) error {
		out.Tags = make([]api.Tag, len(t.Tags))
		for i := range t.Tags {
			out.Tags[i] = api.Tag{Key: &t.Tags[i].Key, Value: &t.Tags[i].Value}
		}
		return nil
	})
	if err != nil {
		return nil, noResource(err, at)
	}
	return out, nil
}
