package cognitoidp

import (
	"context"
	"slices"
	"time"

	api "github.com/bulkhead/bulkhead/api/cognitoidp"
	"github.com/bulkhead/bulkhead/internal/opt"
	"github.com/bulkhead/bulkhead/internal/pipeline"
	"github.com/bulkhead/bulkhead/internal/random"
	"github.com/bulkhead/bulkhead/internal/store"
	"github.com/bulkhead/bulkhead/service/cognitoidp/refusal"
	"github.com/bulkhead/bulkhead/service/cognitoidp/userpool"
)

// importLife is how long a job waits to be started ("UserImportJobType": 24 to 48 hours).
const importLife = 24 * time.Hour

// importJob is a bulk import of users from a CSV file ("Importing users into user pools from a CSV file", Amazon Cognito
// Developer Guide).
type importJob struct {
	ID, Name, RoleARN           string
	Status                      api.UserImportJobStatusType
	Created, Started, Completed time.Time
	// Parts is how many pieces of the file are kept; 0 before it was uploaded and once the job is over.
	Parts int
	// Line is the last line of the file that was dealt with. It moves in the transactions that make users, so that no
	// line counts twice.
	Line                      int64
	Imported, Skipped, Failed int64
	Message                   string
}

// The completion messages.
const (
	importDone    = "Import Job Completed Successfully."
	importTooMany = "Too many users have failed or been skipped during the import."
	importStopped = "The import job was stopped."
	importExpired = "The import job has expired."
)

func importKey(pool, job string) store.Key { return userpool.InPool(pool, "import", job) }

// over reports whether the job has come to its end.
func (j *importJob) over() bool {
	return slices.Contains([]api.UserImportJobStatusType{
		api.UserImportJobStatusTypeStopped, api.UserImportJobStatusTypeSucceeded, api.UserImportJobStatusTypeFailed, api.UserImportJobStatusTypeExpired,
	}, j.Status)
}

// status is the job's at a time: one that was not started in time has expired, whether or not that was recorded.
func (j *importJob) status(now time.Time) api.UserImportJobStatusType {
	if j.Status == api.UserImportJobStatusTypeCreated && !now.Before(j.Created.Add(importLife)) {
		return api.UserImportJobStatusTypeExpired
	}
	return j.Status
}

func (j *importJob) describe(pool string, now time.Time) *api.UserImportJobType {
	out := &api.UserImportJobType{
		JobId: new(j.ID), JobName: new(j.Name), UserPoolId: new(pool), CloudWatchLogsRoleArn: new(j.RoleARN), CreationDate: new(j.Created),
		Status: j.status(now), ImportedUsers: new(j.Imported), SkippedUsers: new(j.Skipped), FailedUsers: new(j.Failed),
		CompletionMessage: opt.Present(j.Message),
	}
	if !j.Started.IsZero() {
		out.StartDate = new(j.Started)
	}
	if !j.Completed.IsZero() {
		out.CompletionDate = new(j.Completed)
	}
	return out
}

func (c *scoped) mustImport(rec *store.Records, id *string) (*importJob, error) {
	missing := api.NewResourceNotFoundException("Import job %s does not exist.", opt.Value(id))
	return userpool.Must[importJob](rec, importKey(c.Pool.ID, opt.Value(id)), missing)
}

// GetCSVHeader implements api.Service.
func (s *Service) GetCSVHeader(ctx context.Context, call *pipeline.Call, in *api.GetCSVHeaderInput) (*api.GetCSVHeaderOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	return &api.GetCSVHeaderOutput{UserPoolId: new(c.Pool.ID), CSVHeader: csvHeader(c.Pool)}, nil
}

// CreateUserImportJob implements api.Service. Only this answer has the URL to send the file to: who may look at jobs may not
// thereby say whom they import.
func (s *Service) CreateUserImportJob(ctx context.Context, call *pipeline.Call, in *api.CreateUserImportJobInput) (*api.CreateUserImportJobOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j := &importJob{
		ID: "import-" + random.Text(random.Alphanumeric, 10), Name: opt.Value(in.JobName), RoleARN: opt.Value(in.CloudWatchLogsRoleArn),
		Status: api.UserImportJobStatusTypeCreated, Created: call.Now,
	}
	url, err := c.uploadURL(j)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(rec *store.Records) error {
		if c.Pool.Gone(rec) {
			return refusal.PoolNotFound(c.Pool.ID)
		}
		return store.Save(rec, importKey(c.Pool.ID, j.ID), j)
	})
	if err != nil {
		return nil, err
	}
	d := j.describe(c.Pool.ID, call.Now)
	d.PreSignedUrl = &url
	return &api.CreateUserImportJobOutput{UserImportJob: d}, nil
}

// DescribeUserImportJob implements api.Service.
func (s *Service) DescribeUserImportJob(ctx context.Context, call *pipeline.Call, in *api.DescribeUserImportJobInput) (*api.DescribeUserImportJobOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j, err := userpool.Read(c, func(rec *store.Records) (*importJob, error) {
		return c.mustImport(rec, in.JobId)
	})
	if err != nil {
		return nil, err
	}
	return &api.DescribeUserImportJobOutput{UserImportJob: j.describe(c.Pool.ID, call.Now)}, nil
}

// ListUserImportJobs implements api.Service.
func (s *Service) ListUserImportJobs(ctx context.Context, call *pipeline.Call, in *api.ListUserImportJobsInput) (*api.ListUserImportJobsOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	found, token, err := userpool.ListPage[importJob](c.Request, "ListUserImportJobs", "", userpool.InPool(c.Pool.ID, "import"), in.PaginationToken, in.MaxResults, nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListUserImportJobsOutput{UserImportJobs: []api.UserImportJobType{}, PaginationToken: token}
	for _, j := range found {
		out.UserImportJobs = append(out.UserImportJobs, *j.describe(c.Pool.ID, call.Now))
	}
	return out, nil
}

// StartUserImportJob implements api.Service.
func (s *Service) StartUserImportJob(ctx context.Context, call *pipeline.Call, in *api.StartUserImportJobInput) (*api.StartUserImportJobOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j, err := c.changeImport(in.JobId, func(j *importJob) error {
		switch {
		case j.status(call.Now) != api.UserImportJobStatusTypeCreated:
			return api.NewPreconditionNotMetException("Import job %s is not in Created state.", j.ID)
		case len(c.Pool.AutoVerified) == 0:
			return api.NewPreconditionNotMetException("The user pool has no auto verified attributes.")
		case j.Parts == 0:
			return api.NewPreconditionNotMetException("No csv file was uploaded for %s", j.ID)
		}
		j.Status, j.Started, j.Line = api.UserImportJobStatusTypePending, call.Now, 1 // the header
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.imports.wake()
	return &api.StartUserImportJobOutput{UserImportJob: j.describe(c.Pool.ID, call.Now)}, nil
}

// StopUserImportJob implements api.Service. Users that were imported stay.
func (s *Service) StopUserImportJob(ctx context.Context, call *pipeline.Call, in *api.StopUserImportJobInput) (*api.StopUserImportJobOutput, error) {
	c, err := s.in(ctx, call, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	j, err := c.changeImport(in.JobId, func(j *importJob) error {
		if j.Status != api.UserImportJobStatusTypePending && j.Status != api.UserImportJobStatusTypeInProgress {
			return api.NewPreconditionNotMetException("Import job %s is not running.", j.ID)
		}
		j.Status = api.UserImportJobStatusTypeStopping
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.imports.wake()
	return &api.StopUserImportJobOutput{UserImportJob: j.describe(c.Pool.ID, call.Now)}, nil
}

// changeImport loads a job, lets fn change it and saves it.
func (c *scoped) changeImport(id *string, fn func(*importJob) error) (*importJob, error) {
	var j *importJob
	err := c.Update(func(rec *store.Records) (err error) {
		if j, err = c.mustImport(rec, id); err != nil {
			return err
		}
		if err := fn(j); err != nil {
			return err
		}
		return store.Save(rec, importKey(c.Pool.ID, j.ID), j)
	})
	return j, err
}
