package kms

import (
	"context"
	"time"

	"github.com/google/uuid"

	api "github.com/bulkhead/bulkhead/api/kms"
	"github.com/bulkhead/bulkhead/internal/arn"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// managedPolicy is the key policy of an AWS managed key: the account's principals use the key through its service and look at it,
// and nobody changes it ("AWS managed keys", AWS KMS Developer Guide). The policy of a key of another service never lets it be used:
// kms:ViaService is set by this server only.
func managedPolicy(account, region, owner string) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "auto-` + owner + `-1",
  "Statement" : [ {
    "Sid" : "Allow use through the service by the account's principals",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "*" },
    "Action" : [ "kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey" ],
    "Resource" : "*",
    "Condition" : { "StringEquals" : {
      "kms:CallerAccount" : "` + account + `", "kms:ViaService" : "` + owner + `.` + region + `.amazonaws.com"
    } }
  }, {
    "Sid" : "Allow the account to look at the key",
    "Effect" : "Allow",
    "Principal" : { "AWS" : "` + arn.Root(account) + `" },
    "Action" : [ "kms:Describe*", "kms:Get*", "kms:List*" ],
    "Resource" : "*"
  } ]
}`
}

// Managed returns the ARN of the account's AWS managed key of a service ("dynamodb"), which it makes when it is first asked for. It
// has the alias alias/aws/<service>, and its material is rotated each year.
func (s *Service) Managed(ctx context.Context, account, region, owner string, now time.Time) (string, error) {
	alias := reservedPrefix + owner
	if id, err := s.aliased(ctx, aliasRef{account, region, alias}); id != "" || err != nil {
		return keyARN(account, region, id), err
	}
	r := ref{account, region, uuid.NewString()}
	policy, err := s.catalog.Freeze(ctx, managedPolicy(account, region, owner))
	if err != nil {
		return "", err
	}
	m, err := newMaterial(s.ring, r, 1, now)
	if err != nil {
		return "", err
	}
	k := &keyRecord{
		ID: r.id, State: api.KeyStateEnabled, Created: now, Policy: policy, Materials: []material{m}, Manager: api.KeyManagerTypeAws,
		Description: "Default key that protects my " + owner + " data when no other key is defined",
		Rotation:    &rotation{Days: defaultPeriod, Next: now.Add(defaultPeriod * day)},
	}
	id := ""
	err = system.Update(ctx, s.db, service, func(tx *store.Tx) error {
		v, err := viewOf(tx, account, region)
		if err != nil {
			return err
		}
		there, err := v.alias(alias)
		if err != nil {
			return err
		}
		if there != nil {
			id = there.KeyID
			return nil
		}
		id = k.ID
		if err := remind(tx, v, id, dueRotation, k.Rotation.Next); err != nil {
			return err
		}
		if err := v.putAlias(&aliasRecord{Name: alias, KeyID: id, Created: now, Updated: now}); err != nil {
			return err
		}
		return v.putKey(k)
	})
	return keyARN(account, region, id), err
}
