package dynamodb

import (
	"strings"

	api "github.com/bulkhead/bulkhead/api/dynamodb"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/policy"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/internal/store/system"
)

// exportActions are what an export does in the bucket, by the caller's own permissions ("Requesting a table export in DynamoDB").
var exportActions = []string{"s3:PutObject", "s3:AbortMultipartUpload", "s3:PutObjectAcl"}

// bucketResource is what is in a bucket, as policies name it, in the account that holds it. This server keeps no policies of buckets:
// a bucket of another account is nobody's to use.
func (r *requirements) bucketResource(s *authz.Scope, bucket, owner, keys string) authz.Resource {
	arn := "arn:aws:s3:::" + bucket
	if keys != "" {
		arn += "/" + keys
	}
	return authz.Resource{ARN: arn, Account: r.objects.Holder(bucket, s.Account, owner), Region: s.Region}
}

// below is what an action on every key that begins with prefix needs. The star is a character like others to a policy's pattern, so a
// `?` of an Allow would match it: an Allow must match two lengths of stars, which only one that goes on with `*` does.
func below(actions []string, at func(keys string) authz.Resource, prefix string) []authz.Check {
	var checks []authz.Check
	for _, a := range actions {
		checks = append(checks, authz.Check{Action: a, Resource: at(prefix + "*")}, authz.Check{Action: a, Resource: at(prefix + manyStars)})
	}
	return checks
}

// manyStars is longer than the end of any pattern that is meant.
var manyStars = strings.Repeat("*", 128)

// ExportTableToPointInTime needs the permission to write to the bucket as well. Since it reads all rows of the table, the guard keeps
// tenants' sessions from it.
func (r *requirements) ExportTableToPointInTime(s *authz.Scope, in *api.ExportTableToPointInTimeInput) authz.Requirement {
	at, err := locateARN(s.Region, *in.TableArn)
	if err != nil {
		return authz.Failed(err)
	}
	res, _, err := r.found(s, at)
	if err != nil {
		return authz.Failed(err)
	}
	checks := []authz.Check{{Action: "dynamodb:ExportTableToPointInTime", Resource: res}}
	bucket := func(keys string) authz.Resource {
		return r.bucketResource(s, *in.S3Bucket, opt.Value(in.S3BucketOwner), keys)
	}
	return authz.RequireChecks(append(checks, below(exportActions, bucket, exportPrefix(opt.Value(in.S3Prefix)))...)...)
}

// The numbers of the checks whose resources are the buckets of an export and an import: the grant tells by them who holds those.
const (
	exportBucketCheck = 1
	importBucketCheck = 2
)

// ImportTable needs the permissions to make the table, and to list and read what is imported. What is in a bucket has no owner rule: it
// may be all tenants' rows, exported. So tenants' sessions import nothing.
func (r *requirements) ImportTable(s *authz.Scope, in *api.ImportTableInput) authz.Requirement {
	at, err := locate(s.Account, s.Region, *in.TableCreationParameters.TableName)
	if err != nil {
		return authz.Failed(err)
	}
	source := in.S3BucketSource
	prefix, owner := opt.Value(source.S3KeyPrefix), opt.Value(source.S3BucketOwner)
	table := bare(at)
	table.Owner = authz.OperatorsOnly()
	bucket := func(keys string) authz.Resource { return r.bucketResource(s, *source.S3Bucket, owner, keys) }
	checks := []authz.Check{
		{Action: "dynamodb:ImportTable", Resource: table},
		{Action: "dynamodb:CreateTable", Resource: bare(at)},
		{Action: "s3:ListBucket", Resource: bucket(""), Keys: func(c *policy.Context) { c.Set("s3:prefix", prefix) }},
	}
	return authz.RequireChecks(append(checks, below([]string{"s3:GetObject"}, bucket, prefix)...)...)
}

// DescribeExport is about the export, under the owner rule of its table.
func (r *requirements) DescribeExport(s *authz.Scope, in *api.DescribeExportInput) authz.Requirement {
	at, id, err := locateTransfer(exporting, *in.ExportArn)
	if err != nil {
		return authz.Failed(err)
	}
	res := authz.Resource{ARN: *in.ExportArn, Account: at.account, Region: at.region}
	err = system.View(s.Context, r.db, name, func(tx *store.Tx) error {
		e, err := loadTransfer[export](tx, at, exporting, id)
		if err == nil && e != nil {
			res, err = r.exportFacts(tx, at, e)
		}
		return err
	})
	if err != nil {
		return authz.Failed(err)
	}
	return authz.Require("dynamodb:DescribeExport", res, nil)
}

// DescribeImport is about the import.
func (r *requirements) DescribeImport(s *authz.Scope, in *api.DescribeImportInput) authz.Requirement {
	at, _, err := locateTransfer(importing, *in.ImportArn)
	if err != nil {
		return authz.Failed(err)
	}
	return authz.Require("dynamodb:DescribeImport", authz.Resource{ARN: *in.ImportArn, Account: at.account, Region: at.region}, nil)
}

func (r *requirements) ListExports(s *authz.Scope, _ *api.ListExportsInput) authz.Requirement {
	return authz.Require("dynamodb:ListExports", anywhere(s), nil)
}

func (r *requirements) ListImports(s *authz.Scope, _ *api.ListImportsInput) authz.Requirement {
	return authz.Require("dynamodb:ListImports", anywhere(s), nil)
}
