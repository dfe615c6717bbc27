package dynamodb

import (
	"context"
	"fmt"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

func (r *requirements) UpdateContinuousBackups(s *authz.Scope, in *api.UpdateContinuousBackupsInput) authz.Requirement {
	return r.onTable(s, "dynamodb:UpdateContinuousBackups", in.TableName, nil)
}

func (r *requirements) CreateBackup(s *authz.Scope, in *api.CreateBackupInput) authz.Requirement {
	return r.onTable(s, "dynamodb:CreateBackup", in.TableName, nil)
}

func (r *requirements) DescribeBackup(s *authz.Scope, in *api.DescribeBackupInput) authz.Requirement {
	return r.onBackup(s, "dynamodb:DescribeBackup", *in.BackupArn)
}

func (r *requirements) DeleteBackup(s *authz.Scope, in *api.DeleteBackupInput) authz.Requirement {
	return r.onBackup(s, "dynamodb:DeleteBackup", *in.BackupArn)
}

func (r *requirements) ListBackups(s *authz.Scope, _ *api.ListBackupsInput) authz.Requirement {
	return authz.Require("dynamodb:ListBackups", anywhere(s), nil)
}

func (r *requirements) onBackup(s *authz.Scope, action, arn string) authz.Requirement {
	res, err := r.backupFacts(s.Context, arn)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.Require(action, res, nil)
}

// backupFacts is a backup as a resource, under the owner rule that its table had.
func (r *requirements) backupFacts(ctx context.Context, arn string) (authz.Resource, error) {
	at, id, err := locateBackup(arn)
	if err != nil {
		return authz.Resource{}, err
	}
	res := authz.Resource{ARN: arn, Account: at.account, Region: at.region}
	err = system.View(ctx, r.db, name, func(tx *store.Tx) error {
		b, err := loadBackup(tx, at, id)
		if err != nil || b == nil {
			return err
		}
		res.ID = b.Rows
		if res.Owner, err = authz.ParseOwnerRule(b.Source.Tags, r.ids); err != nil {
			return fmt.Errorf("dynamodb: owner tags of backup %s: %w", arn, err)
		}
		return nil
	})
	return res, err
}

// restoreActions are the permissions that a restore needs on the table that it makes ("DynamoDB backup and restore: Using IAM").
var restoreActions = []string{
	"dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
}

// restoring needs the action on the source and on the table that is made, and what a restore does to that.
func restoring(action string, source authz.Resource, to place) authz.Requirement {
	checks := []authz.Check{{Action: action, Resource: source}, {Action: action, Resource: bare(to)}}
	for _, a := range restoreActions {
		checks = append(checks, authz.Check{Action: a, Resource: bare(to)})
	}
	return authz.RequireChecks(checks...)
}

// RestoreTableFromBackup restores into the account and region of the backup.
func (r *requirements) RestoreTableFromBackup(s *authz.Scope, in *api.RestoreTableFromBackupInput) authz.Requirement {
	res, err := r.backupFacts(s.Context, *in.BackupArn)
	if err != nil {
		return authz.Failed(err)
	}
	return restoring("dynamodb:RestoreTableFromBackup", res, place{res.Account, res.Region, *in.TargetTableName})
}

// RestoreTableToPointInTime restores into the account and region of the table.
func (r *requirements) RestoreTableToPointInTime(s *authz.Scope, in *api.RestoreTableToPointInTimeInput) authz.Requirement {
	at, err := restoreSource(s.Account, s.Region, in)
	if err != nil {
		return authz.Failed(err)
	}
	res, _, err := r.found(s, at)
	if err != nil {
		return authz.Failed(err)
	}
	return restoring("dynamodb:RestoreTableToPointInTime", res, place{at.account, at.region, *in.TargetTableName})
}
