package bulkhead

import (
	"context"

	"github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/pipeline"
)

// makeKey makes the tenant's key. If an earlier try may have made it and not recorded it, it looks for the mark first.
func (s *Service) makeKey(ctx context.Context, c *pipeline.Call, rec *record) error {
	if rec.Created.Before(c.Now) {
		found, err := findMarked(ctx, c, rec)
		if err != nil || found {
			return err
		}
	}
	description := "Data of tenant " + rec.ID
	out, err := pipeline.Invoke[kms.CreateKeyOutput](ctx, c, via, "kms", "CreateKey", &kms.CreateKeyInput{
		Description: &description, Tags: []kms.Tag{tag(tenantTag, rec.ID), tag(markTag, rec.Mark)},
	})
	if err != nil {
		return err
	}
	rec.KeyARN, rec.KeyID = *out.KeyMetadata.Arn, *out.KeyMetadata.KeyId
	return nil
}

func tag(key, value string) kms.Tag { return kms.Tag{TagKey: &key, TagValue: &value} }

// findMarked looks through the account's keys for the one made for this onboarding.
func findMarked(ctx context.Context, c *pipeline.Call, rec *record) (bool, error) {
	in := &kms.ListKeysInput{}
	for {
		page, err := pipeline.Invoke[kms.ListKeysOutput](ctx, c, via, "kms", "ListKeys", in)
		if err != nil {
			return false, err
		}
		for _, k := range page.Keys {
			marked, err := hasMark(ctx, c, k.KeyId, rec.Mark)
			if err != nil {
				return false, err
			}
			if marked {
				rec.KeyARN, rec.KeyID = *k.KeyArn, *k.KeyId
				return true, nil
			}
		}
		if page.NextMarker == nil {
			return false, nil
		}
		in.Marker = page.NextMarker
	}
}

func hasMark(ctx context.Context, c *pipeline.Call, key *string, mark string) (bool, error) {
	out, err := pipeline.Invoke[kms.ListResourceTagsOutput](ctx, c, via, "kms", "ListResourceTags", &kms.ListResourceTagsInput{KeyId: key})
	if fault.IsClass(err, fault.AccessDenied) || fault.Is(err, "NotFoundException") {
		return false, nil // not a key that this caller could have made
	}
	if err != nil {
		return false, err
	}
	for _, t := range out.Tags {
		if *t.TagKey == markTag && *t.TagValue == mark {
			return true, nil
		}
	}
	return false, nil
}

// makeAlias points the tenant's alias at its key. An alias that points elsewhere is somebody else's.
func makeAlias(ctx context.Context, c *pipeline.Call, rec *record) error {
	_, err := pipeline.Invoke[kms.CreateAliasOutput](ctx, c, via, "kms", "CreateAlias",
		&kms.CreateAliasInput{AliasName: &rec.Alias, TargetKeyId: &rec.KeyID})
	if !fault.Is(err, "AlreadyExistsException") {
		return err
	}
	if ours, lookErr := isOurs(ctx, c, rec); lookErr != nil || ours {
		return lookErr
	}
	return err
}

// isOurs reports whether the tenant's alias points at its key.
func isOurs(ctx context.Context, c *pipeline.Call, rec *record) (bool, error) {
	there, err := pipeline.Invoke[kms.DescribeKeyOutput](ctx, c, via, "kms", "DescribeKey", &kms.DescribeKeyInput{KeyId: &rec.Alias})
	if err != nil {
		return false, err
	}
	return rec.KeyID != "" && *there.KeyMetadata.KeyId == rec.KeyID, nil
}

// deleteAlias takes the tenant's alias away, if it is the tenant's: onboarding may have stopped at one that is somebody else's.
func deleteAlias(ctx context.Context, c *pipeline.Call, rec *record) error {
	if rec.KeyID == "" {
		return nil
	}
	ours, err := isOurs(ctx, c, rec)
	if err == nil && ours {
		_, err = pipeline.Invoke[kms.DeleteAliasOutput](ctx, c, via, "kms", "DeleteAlias", &kms.DeleteAliasInput{AliasName: &rec.Alias})
	}
	return unless(err, "NotFoundException")
}
