package bulkhead

import (
	"context"
	"errors"
	"time"

	api "github.com/bulkhead/bulkhead/api/bulkhead"
	"github.com/bulkhead/bulkhead/internal/authz"
	"github.com/bulkhead/bulkhead/internal/fault"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/paging"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/service/cognitoidp"
	"github.com/bulkhead/bulkhead/service/cognitoidp/tokens"
)

// UserPools is what the user pools have beyond the API of AWS: the files that import jobs read and what became of their
// lines, and the settings that let tenants cross.
type UserPools interface {
	UploadAllowed(ctx context.Context, pool, job, token string, now time.Time) (tokens.Site, error)
	Upload(ctx context.Context, pool, job, token string, file []byte, now time.Time) error
	ImportFailures(ctx context.Context, account, region, pool, job string, page *paging.Page) ([]cognitoidp.ImportFailure, bool, error)
	CheckTenants(ctx context.Context, account, region string, page *paging.Page) ([]cognitoidp.Finding, error)
	RotateKeys(ctx context.Context, account, region, pool string, now time.Time) ([]string, error)
	MayWrite(ctx context.Context, provider, claim string) (client string, err error)
}

// openByURL is why an upload needs no permission.
const openByURL = "authorized by the sealed token of an upload URL, for one file of one import job"

// UploadUserImport is open to whoever has the URL that CreateUserImportJob answered.
func (r requirements) UploadUserImport(s *authz.Scope, in *api.UploadUserImportInput) authz.Requirement {
	p, err := r.pools.UploadAllowed(s.Context, *in.UserPoolId, *in.JobId, *in.Token, s.Now)
	if err != nil {
		return authz.Failed(uploadError(err))
	}
	return authz.Anonymous(openByURL, importResource(s.Partition, p.Account, p.Region, p.ID, *in.JobId))
}

func uploadError(err error) error {
	if errors.Is(err, cognitoidp.ErrUpload) {
		return api.NewInvalidUploadException("The URL does not allow this upload: it is another job's, too old, or was used, or the file is empty.")
	}
	return err
}

func importResource(partition, account, region, pool, job string) authz.Resource {
	return authz.Resource{
		ARN:     "arn:" + partition + ":bulkhead:" + region + ":" + account + ":user-import/" + pool + "/" + job,
		Account: account, Region: region,
	}
}

// UploadUserImport keeps the file of an import job.
func (s *Service) UploadUserImport(ctx context.Context, c *pipeline.Call, in *api.UploadUserImportInput) (*api.UploadUserImportOutput, error) {
	if err := s.pools.Upload(ctx, *in.UserPoolId, *in.JobId, *in.Token, in.File, c.Now); err != nil {
		return nil, uploadError(err)
	}
	return &api.UploadUserImportOutput{}, nil
}

// ListUserImportFailures is an action on an import job of the account and region.
func (requirements) ListUserImportFailures(s *authz.Scope, in *api.ListUserImportFailuresInput) authz.Requirement {
	return authz.Require("bulkhead:ListUserImportFailures", importResource(s.Partition, s.Account, s.Region, *in.UserPoolId, *in.JobId), nil)
}

// ListUserImportFailures lists the lines of an import job's file that made no user, with the reason for each: what AWS
// writes to CloudWatch.
func (s *Service) ListUserImportFailures(ctx context.Context, c *pipeline.Call, in *api.ListUserImportFailuresInput) (*api.ListUserImportFailuresOutput, error) {
	size := pageSize
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	page, err := paging.List{
		Keys: s.keys, Account: c.Account, Region: c.Region, Operation: "bulkhead:ListUserImportFailures", Query: []string{*in.UserPoolId, *in.JobId},
	}.Page(in.NextToken, size)
	if errors.Is(err, paging.ErrToken) {
		err = fault.New(fault.Validation, "The NextToken is not one of this list.").With(err)
	}
	if err != nil {
		return nil, err
	}
	lines, found, err := s.pools.ImportFailures(ctx, c.Account, c.Region, *in.UserPoolId, *in.JobId, page)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, api.NewUserImportNotFoundException("There is no import job %s in the user pool.", *in.JobId)
	}
	out := &api.ListUserImportFailuresOutput{Failures: []api.UserImportFailure{}}
	for i := range lines {
		l := &lines[i]
		out.Failures = append(out.Failures, api.UserImportFailure{Line: &l.Line, Result: opt.Present(l.Result), Reason: opt.Present(l.Reason)})
	}
	out.NextToken, err = page.Token()
	return out, err
}
